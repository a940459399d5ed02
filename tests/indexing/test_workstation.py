"""docs/workstation.md: its commands, run; an index made elsewhere is served here and kept."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_app.index.read.reader import Reader
from tests.conftest import ROOT
from tests.repo.test_docs import command_lines
from tools.testing.pictures import save
from tools.testing.waiting import PATIENCE_S, PROGRAM_S

pytestmark = pytest.mark.model

RECIPE = ROOT / "docs/workstation.md"


@pytest.fixture
def home(tmp_path: Path, model: Path) -> Path:
    """Two machines as folders: the workstation with the library mounted, the device with it."""
    for number in range(6):
        save(tmp_path / f"mnt/nas/photos/{number % 2}/{number}.jpg", number)
    shutil.copytree(tmp_path / "mnt/nas/photos", tmp_path / "srv/photos", copy_function=shutil.copy)
    (tmp_path / "workstation/models").mkdir(parents=True)
    for file in (model, model.with_suffix(".json")):
        shutil.copy(file, tmp_path / "workstation/models")
    return tmp_path


def commands(home: Path) -> Iterator[list[str]]:
    """The recipe's command lines with the folders of the two machines; ssh and scp stay on this."""
    for words in command_lines(RECIPE):
        text = shlex.join(words)
        text = text.replace("/mnt/nas", f"{home}/mnt/nas").replace("/srv", f"{home}/srv")
        text = text.replace("ssh photos.local mkdir -p lookalike", f"mkdir -p {home}/device")
        text = text.replace("photos.local:lookalike", f"{home}/device")
        text = re.sub(r"^lookalike ", f"{sys.executable} -m edge_app ", text)
        yield shlex.split(re.sub(r"^scp", "cp", text).replace("--lan", "--port 0"))


def run(words: list[str], folder: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.check_output(words, cwd=folder, env=environment, text=True, timeout=PROGRAM_S)


@contextmanager
def served(words: list[str], folder: Path) -> Iterator[dict[str, Any]]:
    """The status of a server started by `words`, once its first index run is over."""
    command = [*words, "--head-start", "600"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout
            url = server.stdout.readline().split()[-1]
            with urllib.request.urlopen(url + "api/status", timeout=PATIENCE_S) as answer:
                yield json.loads(answer.read())
        finally:
            server.terminate()


def rows(index: Path) -> dict[str, tuple[int, bytes]]:
    """Row number and vector by path."""
    with Reader(index) as reader:
        snapshot = reader.snapshot()
        return {
            image.path: (
                snapshot.row_of(image.id),
                snapshot.vectors[snapshot.row_of(image.id)].tobytes(),
            )
            for image in reader.page(limit=100).items
        }


def test_the_recipe_ends_with_the_same_rows_on_the_device(home: Path) -> None:
    indexing, *copying, serving, merging = commands(home)
    run(indexing, home / "workstation")
    for words in copying:
        run(words, home / "workstation")
    made = rows(home / "device/index")
    assert len(made) == 6
    with served(serving, home / "device") as status:
        assert status["images"] == 6
        assert status["indexing"]["message"] is None
    assert rows(home / "device/index") == made  # though the copy has other times

    save(home / "srv/photos/new.jpg", 99)
    shutil.copytree(home / "srv/photos", home / "laptop", copy_function=shutil.copy)
    laptop = [*indexing[:4], "--gallery", str(home / "laptop"), "--index", "index-of-laptop"]
    run([*laptop, "--model", str(home / "workstation/models/mobilenet_v2.tflite")], home / "device")
    report = json.loads(run([*merging, "--json"], home / "device").splitlines()[-1])
    assert (report["imported"], report["added"], report["unchanged"]) == (1, 0, 7)


def test_the_index_of_another_library_is_refused_and_left_as_it_is(home: Path) -> None:
    indexing, *copying, serving, _ = commands(home)
    for words in (indexing, *copying):
        run(words, home / "workstation")
    for file in (home / "srv/photos").rglob("*.jpg"):
        file.write_bytes(bytes(file.stat().st_size))
    before = rows(home / "device/index")
    done = subprocess.run(
        [sys.executable, *serving[1:]],
        cwd=home / "device",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PROGRAM_S,
        check=False,
    )
    assert done.returncode == 1
    assert "of 6 that were read, 0 have the same content" in done.stderr
    assert rows(home / "device/index") == before


def test_another_model_is_named_at_the_start_and_the_index_goes_on_answering(home: Path) -> None:
    indexing, *copying, serving, _ = commands(home)
    for words in (indexing, *copying):
        run(words, home / "workstation")
    card = home / "device/models/mobilenet_v2.json"
    other = json.loads(card.read_text()) | {"sha256": "0" * 64}
    card.write_text(json.dumps(other))
    command = [sys.executable, *serving[1:], "--no-watch"]
    with subprocess.Popen(
        command,
        cwd=home / "device",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout
        url = server.stdout.readline().split()[-1]
        assert "built with another model (mobilenet_v2" in server.stdout.readline()
        with urllib.request.urlopen(url + "api/images/1/similar", timeout=PATIENCE_S) as answer:
            assert len(json.loads(answer.read())["items"]) == 5
        server.terminate()
