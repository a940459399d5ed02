"""`index --cluster`: machines that come, go and disagree, and the same index as one makes."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
import pytest

from edge_app import VERSION
from edge_app.cli.arguments import main
from edge_app.cluster import crew, pool
from edge_app.cluster.address import Address
from edge_app.cluster.keys import CERTIFICATE, KEY, make_keys, security_of
from edge_app.cluster.node import Expected
from edge_app.config import Config
from edge_app.errors import EdgeAppError
from edge_app.index.read.reader import Reader
from edge_app.library.folder import source_of
from edge_app.library.scan import FoundFile
from edge_app.library.source import fingerprint_at
from edge_app.model.card import ModelIdentity
from edge_app.model.embed import Embedder
from edge_app.photos.children.pool import DecodePool, Job
from edge_app.photos.regions import WHOLE
from tests.cluster.members import Cluster
from tests.conftest import ROOT
from tools.testing.hurried import PROGRAM
from tools.testing.pictures import save
from tools.testing.site import Site
from tools.testing.waiting import PATIENCE_S, PROGRAM_S, until

pytest.importorskip("distributed")
psutil = pytest.importorskip("psutil")  # which distributed needs
pytestmark = [pytest.mark.model, pytest.mark.slow]

PHOTOS = 96


@pytest.fixture
def cluster(tmp_path: Path, model: Path) -> Iterator[Cluster]:
    with closing(Cluster(tmp_path, model)) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cluster") / "photos"
    for seed in range(PHOTOS):
        save(folder / f"{seed % 7}/{seed}.jpg", seed, width_px=320, height_px=240)
    (folder / "broken.jpg").write_bytes(b"no photo")
    return folder


@pytest.fixture(scope="module")
def alone(library: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The rows that one machine makes."""
    index = tmp_path_factory.mktemp("alone") / "index"
    words = ["index", "--gallery", library, "--index", index, "--model", model]
    subprocess.run(
        [*PROGRAM, *map(str, words)], cwd=ROOT, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return rows(index)


def children(process: subprocess.Popen[str]) -> list[Any]:
    """The decoders of a machine, while it lives."""
    with suppress(psutil.NoSuchProcess):
        found: list[Any] = psutil.Process(process.pid).children()
        return found
    return []


def rows(index: Path) -> dict[str, bytes]:
    """The bytes of the vector of each image, by its path."""
    with Reader(index) as reader:
        snapshot = reader.snapshot()
        images = {image.id: image.path for image in reader.images(snapshot.ids.tolist())}
        vectors = np.asarray(snapshot.vectors)
        return {
            images[id]: vectors[row].tobytes()
            for row, id in enumerate(snapshot.ids.tolist())
            if id in images
        }


def listening(process: subprocess.Popen[str]) -> int:
    """How many ports a process listens on."""
    found = psutil.Process(process.pid).net_connections("inet")
    return sum(connection.status == psutil.CONN_LISTEN for connection in found)


def report(said: str) -> dict[str, object]:
    told: dict[str, object] = json.loads(said.splitlines()[-1])
    return told


def test_machines_that_die_and_join_make_the_index_that_one_makes(
    cluster: Cluster, library: Path, alone: dict[str, bytes]
) -> None:
    first, _ = cluster.machine(library), cluster.machine(library)
    run = cluster.index(library, "together")
    until(lambda: bool(children(first)))
    os.kill(first.pid, signal.SIGKILL)  # in the middle of its work
    cluster.machine(library)
    out, errors = run.communicate(timeout=PROGRAM_S)
    assert run.returncode == 0, errors
    assert (report(out)["added"], report(out)["rejected"]) == (PHOTOS, 1)
    assert re.search(rf"machine \S+-{first.pid} has gone", errors)
    assert sum(json.loads(out.splitlines()[-2])["progress"]["machines"].values()) == PHOTOS + 1
    assert rows(cluster.folder / "together") == alone


# As the kernel does to every decoder of a machine whose memory has run out.
NO_MEMORY = """
import os, signal, sys
if "edge_app.photos.children.child" in sys.orig_argv:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_machine_has_no_memory_or_a_lower_limit_for_is_done_elsewhere_with_the_same_rows(
    cluster: Cluster, library: Path, alone: dict[str, bytes]
) -> None:
    seen = cluster.folder / "seen"
    shutil.copytree(library / "3", seen / "3")
    (cluster.folder / "sitecustomize.py").write_text(NO_MEMORY)
    expected = {path: row for path, row in alone.items() if path.startswith("3/")}

    def errors_beside(machine: subprocess.Popen[str], name: str) -> list[str]:
        """What is said of a machine that can do nothing of a run."""
        run = cluster.index(seen, name)
        out, errors = run.communicate(timeout=PROGRAM_S)
        assert run.returncode == 0, errors
        assert (report(out)["added"], report(out)["rejected"]) == (len(expected), 0)
        assert rows(cluster.folder / name) == expected
        told = json.loads(out.splitlines()[-2])["progress"]["machines"]
        assert told == {"this machine": len(expected)}
        machine.terminate()
        machine.wait(PROGRAM_S)
        return errors.splitlines()

    assert errors_beside(cluster.machine(seen, "--file-size", "1K"), "short") == []
    starved = cluster.machine(seen, PYTHONPATH=str(cluster.folder))
    lines = errors_beside(starved, "starved")
    assert lines
    for line in lines:
        assert re.search(
            rf"machine \S+-{starved.pid} failed, others do its part: a decoding process did not "
            r"start \(killed, probably because memory ran out\)", line,
        )  # fmt: skip


def test_a_scheduler_that_restarts_and_a_machine_told_to_end_cost_time_and_no_photo(
    cluster: Cluster, library: Path, alone: dict[str, bytes]
) -> None:
    machine = cluster.machine(library)
    run = cluster.index(library, "restarted")
    until(lambda: bool(children(machine)))
    cluster.scheduler.kill()
    cluster.scheduler.wait()
    cluster.restart_scheduler()
    assert machine.stdout
    assert machine.stdout.readline().startswith("Working for"), "it has come back by itself"
    out, errors = run.communicate(timeout=PROGRAM_S)
    assert run.returncode == 0, errors
    assert (report(out)["added"], report(out)["rejected"]) == (PHOTOS, 1)
    assert rows(cluster.folder / "restarted") == alone
    again = cluster.index(library, "after")
    until(lambda: bool(children(machine)))  # it is asked again
    decoders = children(machine)
    for decoder in decoders:
        decoder.suspend()  # as on a share that hangs
    machine.terminate()
    assert machine.wait(PATIENCE_S) == 0
    until(lambda: not any(decoder.is_running() for decoder in decoders))
    out, errors = again.communicate(timeout=PROGRAM_S)
    assert again.returncode == 0, errors
    assert "Traceback" not in errors
    assert report(out)["added"] == PHOTOS


def test_a_machine_with_other_photos_is_refused_by_name_and_this_one_does_all(
    cluster: Cluster, library: Path, tmp_path: Path
) -> None:
    for seed in range(PHOTOS):
        save(tmp_path / f"other/{seed % 7}/{seed}.jpg", seed + 1)
    machine = cluster.machine(tmp_path / "other")
    assert [listening(one) for one in cluster.processes] == [1, 1], "no port nobody asked for"
    run = cluster.index(library, "alone")
    out, errors = run.communicate(timeout=PROGRAM_S)
    assert run.returncode == 0, errors
    assert re.search(rf"machine \S+-{machine.pid} is refused: it sees another library", errors)
    assert report(out)["added"] == PHOTOS
    told = json.loads(out.splitlines()[-2])["progress"]["machines"]
    assert told == {"this machine": PHOTOS + 1}


def test_a_machine_that_sees_a_part_does_that_part_once_it_comes(
    cluster: Cluster, library: Path, tmp_path: Path, model: Path
) -> None:
    for number in range(4):
        shutil.copytree(library / str(number), tmp_path / "seen" / str(number))
    cluster.machine(tmp_path / "seen")
    run = cluster.index(library, "part")
    out, errors = run.communicate(timeout=PROGRAM_S)
    assert run.returncode == 0, errors
    assert report(out)["added"] == PHOTOS
    told = json.loads(out.splitlines()[-2])["progress"]["machines"]
    assert len(told) == 2
    assert min(told.values()) > PHOTOS // 4

    def showing(photo: str) -> Expected:
        samples = {photo: fingerprint_at(source_of(library), photo)}
        return Expected(VERSION, Embedder.of(Config(model=model)).identity, samples)

    address = Address.of(cluster.address)
    security = security_of(address, cluster.folder / "keys")
    with closing(crew.Crew(address, security, showing("6/6.jpg"))) as machines:

        def stand() -> tuple[bool, int]:
            machines.look()
            return machines.is_partly_blind, len(machines.working)

        until(lambda: stand() == (True, 0))
        machines.expected = showing("3/3.jpg")
        until(lambda: stand() == (False, 1))


def test_a_server_and_an_index_run_have_their_photos_embedded_by_a_machine_at_once(
    cluster: Cluster, library: Path, model: Path, alone: dict[str, bytes]
) -> None:
    machine = cluster.machine(library)
    site = Site(library, cluster.folder / "served", "--model", str(model), "--cluster",
                cluster.address, *cluster.tls)  # fmt: skip
    try:
        beside = cluster.index(library, "beside", "--exclude", "[0-4]")
        site.wait_until_indexed(PHOTOS)
        out, errors = beside.communicate(timeout=PROGRAM_S)
        assert beside.returncode == 0, errors
        assert rows(cluster.folder / "served") == alone
        some = {path: row for path, row in alone.items() if path[0] in "56"}
        assert rows(cluster.folder / "beside") == some
        assert list(json.loads(out.splitlines()[-2])["progress"]["machines"])
        told = site.get("api/status")["indexing"]["machines"]
        (name,) = (name for name in told if name.endswith(f"-{machine.pid}"))
        assert told[name] > 0
        with urlopen(f"{site.url}metrics") as answer:
            assert f'lookalike_machine_done_files{{machine="{name}"}} {told[name]}\n' in (
                answer.read().decode()
            )
    finally:
        site.stop()


def test_without_its_cluster_a_server_does_all_itself(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "CONNECT_S", 0.1)

    class Own:
        def run(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, None]]:
            return ((job, None) for job in jobs)

    jobs = [Job(FoundFile(f"{n}.jpg", 1, 1), b"", (WHOLE,)) for n in range(9)]
    model = ModelIdentity("fake", "a" * 64, 16, 32, "upright-rgb-stretch-1", "any")
    config = Config(cluster="tcp://127.0.0.1:1")
    alone = pool.opener(config, required=False)
    assert alone
    done = alone(source_of(library), model, cast(DecodePool, Own())).run(iter(jobs))
    assert [job for job, _ in done] == jobs
    needed = pool.opener(config)
    assert needed
    with pytest.raises(EdgeAppError, match="can't be reached"):
        list(needed(source_of(library), model, cast(DecodePool, Own())).run(iter(jobs)))


class Pickled:
    """Leaves a file wherever it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.file,)


# Machines of two containers may have the same host name and process id.
# As in two containers; what asks for the number of its own process otherwise gets the true one.
ONE_NAME = """
import os, sys
own = os.getpid
os.getpid = lambda: 7 if sys._getframe(1).f_code.co_name == "_names" else own()
"""


def test_whoever_has_no_certificate_is_refused_before_anything_is_unpickled(
    cluster: Cluster, library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_keys(tmp_path / "others")
    port = urlsplit(cluster.address).port or 0
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
    told = pickle.dumps(Pickled(tmp_path / "unpickled"))
    framed = struct.pack("<QQQ", 16 + len(told), 1, len(told)) + told  # as Dask frames it
    for keys in (None, "none", "others"):
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as plain:
            context = ssl.create_default_context(cafile=str(cluster.folder / "keys/ca.pem"))
            context.check_hostname = False
            if keys == "others":
                context.load_cert_chain(tmp_path / keys / CERTIFICATE, tmp_path / keys / KEY)
            with suppress(OSError):
                connection = plain if keys is None else context.wrap_socket(plain)
                connection.sendall(framed)
                assert connection.recv(1) == b""
    cluster.tls = ["--cluster-tls", str(tmp_path / "others")]
    run = cluster.index(library, "refused")
    _, errors = run.communicate(timeout=PROGRAM_S)
    assert run.returncode == 1
    assert "can't be reached: what answers there has other cert" in errors.splitlines()[-1]
    for command in (["worker", cluster.address, "--gallery", str(library)],
                    ["duplicates", "--cluster", cluster.address]):  # fmt: skip
        words = [*command, "--index", str(cluster.folder / "refused"), *cluster.tls]
        words += ["--model", str(cluster.model)] if command[0] == "worker" else []
        assert main(words) == 1
        assert capsys.readouterr().err.startswith(
            f"error: the cluster at {cluster.address} can't be reached: what answers there has"
        )
    assert main(["scheduler", cluster.address, *cluster.tls]) == 2
    assert "can't be listened at: [Errno" in capsys.readouterr().err
    assert not (cluster.folder / "refused/catalog.db").exists() or not rows(
        cluster.folder / "refused"
    )
    assert not (tmp_path / "unpickled").exists()
    cluster.tls = ["--cluster-tls", str(cluster.folder / "keys")]
    (tmp_path / "sitecustomize.py").write_text(ONE_NAME)
    for _ in range(2):  # those that say nothing keep nobody out
        cluster.machine(library, PYTHONPATH=str(tmp_path))
    for one in silent:
        one.close()
