"""watch: the indexing process beside the server, from its progress to its end."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_app.api.state import state_of
from edge_app.bench.indexing import family
from edge_app.config import Config, Limits, Place
from edge_app.errors import LibraryError
from edge_app.index.read.reader import Reader
from edge_app.indexing import process, watch
from edge_app.indexing.plan import Progress
from edge_app.indexing.process import IndexingStatus, start_index
from edge_app.indexing.watch import Watcher
from edge_app.library import watching as watching_folder
from edge_app.library.mounts import Mount
from edge_app.library.sources import library_of
from edge_app.library.watching import SILENT, FolderWatch, Watched
from tools.testing.hurried import PROGRAM
from tools.testing.pictures import save
from tools.testing.waiting import PATIENCE_S, until

pytestmark = pytest.mark.model


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SETTLE_S", 0.2)
    monkeypatch.setattr(watch, "RETRY_S", 0.3)
    monkeypatch.setattr(watching_folder, "LOOK_S", 0.3)


@pytest.fixture
def config(tmp_path: Path, model: Path) -> Config:
    save(tmp_path / "library/a.png", 1)
    return Config(gallery=tmp_path / "library", index=tmp_path / "index", model=model)


@pytest.fixture
def watching(config: Config) -> Iterator[Callable[..., Watcher]]:
    started: list[Watcher] = []

    def start(config: Config = config, watch: bool = True) -> Watcher:
        watcher = Watcher(config, watch=watch)
        started.append(watcher)
        watcher.start()
        return watcher

    yield start
    for watcher in started:
        watcher.stop()


def images(config: Config) -> int:
    with Reader(config.index) as reader:
        return reader.counts().images


def test_the_first_run_can_be_waited_for(config: Config, watching: Callable[..., Watcher]) -> None:
    watcher = watching(watch=False)
    watcher.wait(PATIENCE_S)
    assert images(config) == 1
    until(lambda: watcher.status == IndexingStatus())


def test_new_renamed_and_deleted_files_are_followed(
    config: Config, watching: Callable[..., Watcher]
) -> None:
    watching().wait(PATIENCE_S)
    save(config.gallery / "new folder/b.png", 2)
    until(lambda: images(config) == 2)
    (config.gallery / "a.png").rename(config.gallery / "c.png")
    with Reader(config.index) as reader:
        until(lambda: {i.path for i in reader.page().items} == {"new folder/b.png", "c.png"})
    (config.gallery / "c.png").unlink()
    until(lambda: images(config) == 1)


def test_changes_are_found_without_events_too(
    config: Config, watching: Callable[..., Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = Mount(1, "0:1", str(config.gallery), "fuse.rclone")
    monkeypatch.setattr(watching_folder, "mount_of", lambda path, known: mount)
    limits = Limits(poll_eventless_s=0.5)
    watching(replace(config, limits=limits)).wait(PATIENCE_S)
    save(config.gallery / "b.png", 2)
    until(lambda: images(config) == 2)


def test_reading_the_library_causes_no_further_run(
    config: Config, watching: Callable[..., Watcher]
) -> None:
    watcher = watching()
    watcher.wait(PATIENCE_S)
    until(lambda: watcher.status.state == "idle")
    noticed_s = watcher._last_change_s
    for _ in range(20):
        (config.gallery / "a.png").read_bytes()
        os.listdir(config.gallery)
    looked(watcher, 2)  # so all events are taken
    assert watcher._last_change_s == noticed_s


def looked(watcher: Watcher, times: int) -> None:
    """Until the watcher has looked so often at its folder."""
    for _ in range(times):
        seen_s = watcher._folders[""]._seen_s
        until(lambda seen_s=seen_s: watcher._folders[""]._seen_s != seen_s)  # type: ignore[misc]


def test_a_failed_run_says_why_and_is_tried_again(
    config: Config, watching: Callable[..., Watcher]
) -> None:
    away = config.gallery.with_name("away")
    config.gallery.rename(away)
    watcher = watching()
    watcher.wait(PATIENCE_S)
    until(lambda: watcher.status.state == "failed")
    assert "does not exist" in (watcher.status.message or "")
    away.rename(config.gallery)
    until(lambda: images(config) == 1)


def test_where_memory_runs_out_the_run_goes_first_and_is_tried_again(
    config: Config, watching: Callable[..., Watcher]
) -> None:
    Path("/proc/self/oom_score_adj").write_text("0")  # other tests index in this process
    for seed in range(100):
        save(config.gallery / f"{seed}.png", seed)
    watcher = watching()
    until(lambda: watcher.status.state == "indexing")
    assert watcher._process
    score = Path(f"/proc/{watcher._process.pid}/oom_score_adj")
    assert int(score.read_text()) == 500 > int(Path("/proc/self/oom_score_adj").read_text())
    watcher._process.kill()  # as the kernel does
    until(lambda: watcher.status.state == "failed")
    assert "memory ran out" in (watcher.status.message or "")
    until(lambda: images(config) == 101)


def test_a_run_that_cannot_be_started_is_said_to_have_failed_once_and_tried_again(
    config: Config,
    watching: Callable[..., Watcher],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    starts = 0

    def start_nothing(config: Config, **options: Any) -> None:
        nonlocal starts
        starts += 1
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    with monkeypatch.context() as without_processes:
        without_processes.setattr(watch, "start_index", start_nothing)
        watcher = watching()
        until(lambda: watcher.status.state == "failed")
        assert watcher.status.message == (
            "the indexing process can't be started: Resource temporarily unavailable"
        )
        until(lambda: starts > 2)
    assert caplog.text.count("can't be started") == 1
    until(lambda: images(config) == 1)


def test_a_run_may_say_much_that_is_no_progress(
    config: Config, watching: Callable[..., Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = (
        "import sys; print('not JSON', '[1]', sep='\\n'); sys.stderr.write('noise\\n' * 100_000)"
    )
    words = [sys.executable, "-c", f"{noise}; sys.exit('error: no luck')"]

    def start_noise(config: Config, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, **options)

    monkeypatch.setattr(watch, "start_index", start_noise)
    watcher = watching()
    until(lambda: watcher.status == IndexingStatus("failed", message="no luck"))


def test_a_server_that_is_ended_at_its_start_leaves_no_index_run_behind(config: Config) -> None:
    for seed in range(300):
        save(config.gallery / f"{seed}.png", seed)
    words = ["serve", "--gallery", config.gallery, "--index", config.index, "--model", config.model]
    command = [*PROGRAM, *map(str, words), "--port", "0"]
    with subprocess.Popen([*command, "--head-start", "600"], stdout=subprocess.DEVNULL) as server:
        until(lambda: images(config) > 0)
        run = set(family(server.pid)) - {server.pid}
        assert run
        server.terminate()
        assert server.wait(PATIENCE_S) == 128 + signal.SIGTERM
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in run))


def test_a_server_that_is_killed_takes_its_index_run_with_it(config: Config) -> None:
    for seed in range(300):
        save(config.gallery / f"{seed}.png", seed)
    words = ["serve", "--gallery", config.gallery, "--index", config.index, "--model", config.model]
    command = [*PROGRAM, *map(str, words), "--port", "0"]
    with subprocess.Popen([*command, "--head-start", "600"], stdout=subprocess.DEVNULL) as server:
        until(lambda: images(config) > 0)
        run = set(family(server.pid)) - {server.pid}
        assert run
        server.kill()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in run))
    assert 0 < images(config) < 300


def test_a_library_that_goes_away_and_comes_back_is_followed_without_a_restart(
    config: Config, watching: Callable[..., Watcher]
) -> None:
    watcher = watching()
    watcher.wait(PATIENCE_S)
    assert watcher.watched[""].online and watcher.watched[""].mode == "events"
    away = config.gallery.with_name("away")
    config.gallery.rename(away)
    until(lambda: not watcher.watched[""].online)
    config.gallery.mkdir()  # as the empty folder a drive was mounted on
    until(lambda: "none of the indexed photos" in (watcher.watched[""].offline_because or ""))
    with Reader(config.index) as reader:
        until(lambda: reader.counts().offline == 1)
        config.gallery.rmdir()
        away.rename(config.gallery)
        until(lambda: watcher.watched[""].online and reader.counts().offline == 0)
        save(config.gallery / "b.png", 2)
        until(lambda: reader.counts().images == 2)


@pytest.mark.parametrize("ends_by", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_waits_for_a_share_whose_server_is_gone_is_ended(
    config: Config,
    watching: Callable[..., Watcher],
    monkeypatch: pytest.MonkeyPatch,
    ends_by: signal.Signals,
) -> None:
    busy = "trap '' TERM;" if ends_by == signal.SIGKILL else ""
    runs: list[subprocess.Popen[str]] = []

    def hang(config: Config, **options: Any) -> subprocess.Popen[str]:
        runs.append(
            subprocess.Popen(
                ["sh", "-c", f"{busy} echo; sleep 600; :"],
                stdout=-1,
                text=True,
                process_group=0,
                **options,
            )
        )
        return runs[-1]

    monkeypatch.setattr(watch, "start_index", hang)
    monkeypatch.setattr(watch, "LOOK_S", 0.05)
    monkeypatch.setattr(watch, "FIND_OUT_S", 0.0)
    # On a busy machine what is asked to end may take longer than it gets.
    monkeypatch.setattr(process, "DRAIN_S", 1.0 if ends_by == signal.SIGKILL else PATIENCE_S)
    watcher = watching()
    until(lambda: bool(runs))
    silent = Watched(False, False, "events", SILENT)
    with monkeypatch.context() as patch:
        patch.setattr(FolderWatch, "state", property(lambda self: silent))
        until(lambda: watcher.status.message == "the photo folder library does not answer")
        assert runs[0].wait(PATIENCE_S) == -ends_by
    until(lambda: len(runs) == 2)  # as soon as anything can be found


def test_nobody_waits_for_what_a_run_that_has_ended_leaves_open(
    config: Config, watching: Callable[..., Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a decoder does that hangs on a share, which nothing ends."""
    left: list[subprocess.Popen[str]] = []

    def leave(config: Config, **options: Any) -> subprocess.Popen[str]:
        command = ["sh", "-c", "sleep 600 & echo error: no luck; exit 1"]
        left.append(subprocess.Popen(command, stdout=-1, text=True, process_group=0, **options))
        return left[-1]

    monkeypatch.setattr(watch, "start_index", leave)
    monkeypatch.setattr(watch, "LOOK_S", 0.05)
    monkeypatch.setattr(watch, "LEFT_S", 0.5)
    watcher = watching()
    until(lambda: len(left) == 2)
    assert watcher.status.state in ("failed", "scanning")
    watcher.stop()
    for run in left:
        os.killpg(run.pid, signal.SIGKILL)


def test_a_photo_on_a_share_that_hangs_below_a_folder_is_not_opened(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = Watched(True, True, "events", silent=("nas",))
    monkeypatch.setattr(FolderWatch, "state", property(lambda self: state))
    places = Place("here", str(config.gallery)), Place("there", str(config.gallery))
    for watcher, start in (Watcher(config, watch=False), ""), (
        Watcher(Config(sources=places, index=config.index), watch=False), "here/",
    ):  # fmt: skip
        watcher.check(f"{start}a.png")
        watcher.check(f"{start}nas.png")
        with pytest.raises(LibraryError, match="nas in the photo folder library does not answer"):
            watcher.check(f"{start}nas/a.png")
        library, reader = library_of(watcher.config), Reader(config.index)
        told = state_of(watcher.config, library, reader, watcher).sources[0]
        assert told.online and "nas in the photo folder" in str(told.message)


def test_a_bucket_that_is_away_is_asked_again_soon(
    config: Config, watching: Callable[..., Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = json.dumps({"progress": Progress("indexing", offline={"cloud": "no network"}).as_json()})
    runs: list[subprocess.Popen[str]] = []

    def run(config: Config, **options: Any) -> subprocess.Popen[str]:
        runs.append(subprocess.Popen(["echo", told], stdout=-1, text=True, **options))
        return runs[-1]

    monkeypatch.setattr(watch, "start_index", run)
    places = Place("here", str(config.gallery)), Place("cloud", "s3://bucket")
    limits = Limits(poll_s=3600, poll_remote_s=3600, poll_eventless_s=0.1)
    watching(Config(sources=places, index=config.index, limits=limits))
    until(lambda: len(runs) == 3)


def test_a_library_that_is_away_costs_no_runs(
    config: Config, watching: Callable[..., Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = watching()
    watcher.wait(PATIENCE_S)
    until(lambda: watcher.status.state == "idle")
    started: list[Config] = []

    def start(config: Config, **options: Any) -> subprocess.Popen[str]:
        started.append(config)
        return start_index(config, **options)

    monkeypatch.setattr(watch, "start_index", start)
    config.gallery.rename(config.gallery.with_name("away"))
    until(lambda: not watcher.watched[""].online)
    looked(watcher, 5)  # each as long as the time after which a failed run is tried again
    assert len(started) <= 1


def test_what_a_run_skipped_is_known_afterwards(
    config: Config, watching: Callable[..., Watcher]
) -> None:
    save(config.gallery / "scans/b.png", 2)
    (config.gallery / "link").symlink_to(config.index)
    watcher = watching(replace(config, exclude=("scans",)))
    until(lambda: len(watcher.findings.skipped) == 2)
    links, excluded = watcher.findings.skipped
    assert (links.reason, links.count, links.example) == ("links", 1, "link")
    assert (excluded.reason, excluded.count, excluded.example) == ("excluded", 1, "scans")
    assert images(config) == 1


def test_another_writer_is_waited_for(config: Config, watching: Callable[..., Watcher]) -> None:
    config.index.mkdir()
    with (config.index / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        watcher = watching(watch=False)
        watcher.wait(PATIENCE_S)
        until(lambda: watcher.status.state == "failed")
    until(lambda: images(config) == 1)


def test_stopping_ends_the_run_at_once(
    config: Config, watching: Callable[..., Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "DRAIN_S", PATIENCE_S)
    Path("/proc/self/oom_score_adj").write_text("0")  # other tests index in this process
    for seed in range(300):
        save(config.gallery / f"{seed}.png", seed)
    watcher = watching(config)
    until(lambda: watcher.status.state == "indexing")
    assert any(" index --json " in command for command in children())
    watcher.stop()
    assert images(config) < 300
    assert not any(" index --json " in command for command in children())


def children() -> list[str]:
    """Command lines of this process's children."""
    own = str(os.getpid())
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if parent == own:
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_every_one_of_several_folders_is_watched(
    config: Config, watching: Callable[..., Watcher], tmp_path: Path
) -> None:
    roots = [tmp_path / name for name in ("phone", "archive")]
    for number, root in enumerate(roots):
        save(root / "a.png", number)
    several = replace(config, sources=tuple(Place(root.name, str(root)) for root in roots))
    watching(several).wait(PATIENCE_S)
    for number, root in enumerate(roots):
        save(root / "b.png", 2 + number)
        until(lambda: images(several) == 2 + len(list(tmp_path.rglob("b.png"))))


def test_one_of_several_folders_is_away_and_the_others_are_followed(
    config: Config, watching: Callable[..., Watcher], tmp_path: Path
) -> None:
    roots = [tmp_path / name for name in ("phone", "archive")]
    for number, root in enumerate(roots):
        save(root / "a.png", number)
    several = replace(config, sources=tuple(Place(root.name, str(root)) for root in roots))
    watcher = watching(several)
    watcher.wait(PATIENCE_S)
    roots[0].rename(tmp_path / "away")
    until(lambda: not watcher.watched["phone"].online)
    assert watcher.watched["archive"].online
    save(roots[1] / "b.png", 3)
    until(lambda: images(several) == 3)  # that of the phone included
    roots[0].mkdir()
    until(lambda: "none of the indexed" in (watcher.watched["phone"].offline_because or ""))
    roots[0].rmdir()
    (tmp_path / "away").rename(roots[0])
    until(lambda: watcher.watched["phone"].online)
    save(roots[0] / "b.png", 4)
    until(lambda: images(several) == 4)
