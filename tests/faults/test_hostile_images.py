"""A folder of hostile files: each is refused with its reason, every image among them is read."""

from __future__ import annotations

import os
import random
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from edge_app.config import Limits, MiB
from edge_app.errors import DecodeError
from edge_app.library.source import InFolder
from edge_app.photos.children.decode import Decoded
from edge_app.photos.children.pool import DecodePool, Job, Outcome
from tests.faults import hostile
from tools.testing.waiting import PATIENCE_S

LIMITS = replace(Limits(), decode_memory_bytes=128 * MiB, decode_s=3.0)
MUTANTS = 20_000 if os.environ.get("FAULTS") == "long" else 300


def job(root: Path, name: str, key: object = None) -> Job:
    return Job(name if key is None else key, InFolder(os.fspath(root), name))


def decode_all(root: Path) -> dict[str, Outcome]:
    """What becomes of each file of a folder."""
    names = sorted(os.listdir(root))
    with DecodePool(32, LIMITS, workers=2) as pool:
        return {done.key: outcome for done, outcome in pool.run(job(root, name) for name in names)}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Every hostile file with a good neighbour behind it, decoded in one run."""
    root = tmp_path_factory.mktemp("hostile")
    for name, (data, _) in hostile.KINDS.items():
        (root / f"{name}.jpg").write_bytes(data)
        (root / f"{name}.jpg-neighbour.jpg").write_bytes(hostile.JPEG)
    return decode_all(root)


@pytest.mark.parametrize("name", hostile.KINDS)
def test_a_hostile_file_is_refused_in_a_few_words_or_does_no_harm(
    outcomes: dict[str, Outcome], name: str
) -> None:
    _, wanted = hostile.KINDS[name]
    outcome = outcomes[f"{name}.jpg"]
    if wanted is None:
        assert isinstance(outcome, Decoded)
    else:
        assert isinstance(outcome, DecodeError), "it was decoded"
        assert re.search(wanted, str(outcome))
        assert len(str(outcome)) < 120 and "0x" not in str(outcome)


def test_every_neighbour_of_a_hostile_file_is_read(outcomes: dict[str, Outcome]) -> None:
    neighbours = [name for name in outcomes if name.endswith("-neighbour.jpg")]
    assert len(neighbours) == len(hostile.KINDS)
    assert all(isinstance(outcomes[name], Decoded) for name in neighbours)


def test_an_image_too_large_for_the_memory_is_refused_before_the_device_suffers(
    tmp_path: Path,
) -> None:
    """By its header and its size it fits; with what is made of it, it doesn't."""
    noise = random.Random(1).randbytes(1000 * 1000 * 3)
    image = Image.frombytes("RGB", (1000, 1000), noise)
    (tmp_path / "large.png").write_bytes(hostile.encoded(image, "PNG"))
    with DecodePool(32, replace(LIMITS, decode_memory_bytes=8 * MiB), workers=1) as pool:
        [(_, outcome)] = pool.run([job(tmp_path, "large.png")])
    assert str(outcome) == "decoding needs over 8 MiB of memory (--decode-memory)"


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "link.jpg").symlink_to("/dev/zero")
    start = time.monotonic()
    assert {str(outcome) for outcome in decode_all(tmp_path).values()} == {"not a regular file"}
    assert time.monotonic() - start < PATIENCE_S, "waited for a writer"


def test_ghostscript_is_never_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    witness = tmp_path / "started"
    program = tmp_path / "bin/gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {witness}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with DecodePool(32, LIMITS, workers=1) as pool:
        for data in (hostile.POSTSCRIPT, hostile.KINDS["eps"][0]):
            with pytest.raises(DecodeError, match="not an image"):
                pool.decode(data)
    assert not witness.exists()


def test_mutants_of_images_never_take_their_neighbours_along(tmp_path: Path) -> None:
    chance = random.Random(20)
    seeds = [hostile.JPEG, hostile.PNG, hostile.GIF, hostile.WEBP, hostile.BMP, hostile.TIFF]
    mutants: list[Job] = []
    for number in range(MUTANTS):
        mutant = bytearray(chance.choice(seeds))
        for _ in range(chance.choice([1, 3, 20])):
            mutant[chance.randrange(min(len(mutant), 700))] = chance.randrange(256)
        (tmp_path / f"{number}.jpg").write_bytes(mutant)
        mutants.append(job(tmp_path, f"{number}.jpg", key=False))
    (tmp_path / "good.jpg").write_bytes(hostile.JPEG)
    good = job(tmp_path, "good.jpg", key=True)
    jobs = [each for mutant in mutants for each in (mutant, good)]
    done = refused = 0
    with DecodePool(32, LIMITS, workers=2) as pool:
        for each, outcome in pool.run(jobs):
            assert isinstance(outcome, Decoded | DecodeError)
            assert isinstance(outcome, Decoded) or not each.key
            done, refused = done + 1, refused + isinstance(outcome, DecodeError)
    assert done == 2 * MUTANTS
    assert MUTANTS / 10 < refused < MUTANTS, "the mutants are all harmless, or all hopeless"
    print(f"{MUTANTS} mutants, {refused} refused")
