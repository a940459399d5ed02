"""watching: what is said of a photo folder is true, and every change in it is noticed."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge_app.library import inotify, scan, watching
from edge_app.library.mounts import Mount
from edge_app.library.rules import Rules
from edge_app.library.watching import FolderWatch, Watched
from tools.testing.waiting import until

ONLINE = Watched(True, True, "events")


class Changes:
    """Counts the calls, and waits for the next one."""

    def __init__(self) -> None:
        self._called = threading.Event()

    def __call__(self) -> None:
        self._called.set()

    def seen(self) -> bool:
        until(self._called.is_set)
        return True

    def forget(self) -> None:
        self._called.clear()

    @property
    def any(self) -> bool:
        return self._called.is_set()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_S", 0.05)
    monkeypatch.setattr(watching, "RETRY_S", 0.2)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "my photos"
    (root / "2019/may").mkdir(parents=True)
    (root / "2019/may/a.jpg").write_bytes(b"x")
    return root


@pytest.fixture
def changes() -> Changes:
    return Changes()


class Counted(FolderWatch):
    """Counts its looks."""

    looks = 0

    def _look(self) -> None:
        super()._look()
        self.looks += 1


Start = Callable[..., Counted]


@pytest.fixture
def watch(root: Path, changes: Changes) -> Iterator[Start]:
    started: list[Counted] = []

    def start(
        rules: Rules = Rules(),  # noqa: B008 - immutable
        expected: Callable[[], Sequence[str]] = tuple,
        **options: Any,
    ) -> Counted:
        watch = Counted(root, rules, changes, expected, **options)
        started.append(watch)
        watch.start()
        watch.wait()
        return watch

    yield start
    for one in started:
        one.stop()


def test_every_kind_of_change_is_noticed(root: Path, watch: Start, changes: Changes) -> None:
    watched = watch()
    assert watched.state == ONLINE
    photo, outside = root / "2019/may/a.jpg", root.parent / "outside"
    (outside / "deep").mkdir(parents=True)
    for change in (
        lambda: photo.write_bytes(b"other"),
        lambda: os.utime(photo, (1, 1)),
        lambda: photo.rename(photo.with_name("b.jpg")),
        lambda: (root / "2019/may/b.jpg").unlink(),
        lambda: (root / "new/deep").mkdir(parents=True),
        lambda: (root / "new/deep/c.png").write_bytes(b"x"),
        lambda: outside.rename(root / "came"),
        lambda: (root / "came/deep/d.jpg").write_bytes(b"x"),
        lambda: (root / "came").rename(root / "renamed"),
        lambda: (root / "renamed/deep/e.jpg").write_bytes(b"x"),
        lambda: shutil.rmtree(root / "renamed"),
    ):
        settle(watched, changes)
        change()
        assert changes.seen()


def looked_twice(watched: Counted) -> None:
    """When it has, it has taken every event there was before."""
    looks = watched.looks + 2
    until(lambda: watched.looks >= looks)


def settle(watched: Counted, changes: Changes) -> None:
    """What is noticed from now on has happened after this."""
    looked_twice(watched)
    changes.forget()


def test_what_is_no_photo_is_no_change(root: Path, watch: Start, changes: Changes) -> None:
    for folder in ("@eaDir", "secret", ".cache"):
        (root / folder).mkdir()
    watched = watch(Rules(("secret", "*.png")))
    (root / "2019/may/a.jpg").read_bytes()
    os.listdir(root)
    for name in (
        "film.mp4",
        ".hidden.jpg",
        "@eaDir/a.jpg",
        "secret/a.jpg",
        ".cache/a.jpg",
        "x.png",
    ):
        (root / name).write_bytes(b"x")
    (root / "@eaDir/new").mkdir()
    looked_twice(watched)
    assert not changes.any
    (root / "last.jpg").write_bytes(b"x")
    assert changes.seen()


def test_a_folder_that_moved_out_of_the_library_is_watched_no_longer(
    root: Path, watch: Start, changes: Changes
) -> None:
    watched = watch()
    away = root.parent / "away"
    (root / "2019").rename(away)
    assert changes.seen()
    settle(watched, changes)
    (away / "may/b.jpg").write_bytes(b"x")
    looked_twice(watched)
    assert not changes.any


def test_a_root_renamed_away_is_offline_and_one_made_anew_is_watched(
    root: Path, watch: Start, changes: Changes
) -> None:
    watched, away = watch(), root.with_name("away")
    root.rename(away)
    until(lambda: not watched.state.online)
    assert not watched.state.reachable
    assert "No such file" in (watched.state.offline_because or "")
    assert changes.seen()
    changes.forget()
    root.mkdir()
    until(lambda: watched.state == ONLINE)
    assert changes.seen()
    changes.forget()
    (root / "new.jpg").write_bytes(b"x")
    assert changes.seen()
    shutil.rmtree(root)
    until(lambda: not watched.state.online)
    away.rename(root)
    until(lambda: watched.state == ONLINE)
    changes.forget()
    (root / "2019/may/c.jpg").write_bytes(b"x")
    assert changes.seen()


def test_a_root_replaced_between_two_looks_is_watched(
    root: Path, watch: Start, changes: Changes
) -> None:
    watched = watch()
    root.rename(root.with_name("away"))
    (root / "other").mkdir(parents=True)
    assert changes.seen()
    settle(watched, changes)
    (root / "other/new.jpg").write_bytes(b"x")
    assert changes.seen()


def test_a_root_that_is_a_file_or_missing_is_offline_from_the_start(
    root: Path, watch: Start
) -> None:
    shutil.rmtree(root)
    watched = watch()
    assert not watched.state.online
    root.write_bytes(b"x")
    until(lambda: "Not a directory" in (watched.state.offline_because or ""))


def test_a_folder_without_any_expected_photo_is_offline(
    root: Path, watch: Start, changes: Changes
) -> None:
    photo = root / "2019/may/a.jpg"
    watched = watch(expected=lambda: ["2019/may/a.jpg", "2019/gone.jpg"])
    assert watched.state == ONLINE
    photo.rename(root.with_name("a.jpg"))
    until(lambda: not watched.state.online)
    assert watched.state.reachable
    assert "none of the indexed photos" in (watched.state.offline_because or "")
    root.with_name("a.jpg").rename(photo)
    until(lambda: watched.state == ONLINE)


def test_a_folder_that_does_not_answer_is_offline(
    root: Path, watch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a share mounted hard, whose server is gone: whoever asks for it waits for ever."""
    watched, answers = watch(), threading.Event()
    monkeypatch.setattr(watching, "STALE_S", 0.5)
    monkeypatch.setattr(watching, "mounts", lambda: answers.wait() and [])
    until(lambda: watched.state.offline_because == "does not answer")
    answers.set()
    until(lambda: watched.state.online)


@pytest.mark.parametrize("kind", ["nfs4", "fuse.rclone", "virtiofs", "vboxsf", "autofs"])
def test_a_file_system_without_events_is_polled(
    root: Path, watch: Start, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mount = Mount(7, "0:9", str(root.parent), kind)
    monkeypatch.setattr(watching, "mount_of", lambda path, known: mount)
    state = watch().state
    assert (state.online, state.mode) == (True, "polling")
    assert kind in (state.polled_because or "")


def test_beside_a_share_below_the_root_the_rest_has_events(
    root: Path, watch: Start, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = {"2019": Mount(7, "0:9", str(root / "2019"), "cifs")}
    monkeypatch.setattr(scan, "mounts_below", lambda root, known: share)
    watched = watch()
    assert watched.state.mode == "polling"
    (root / "2019/may/b.jpg").write_bytes(b"x")
    looked_twice(watched)
    assert not changes.any
    (root / "c.jpg").write_bytes(b"x")
    assert changes.seen()


def test_a_share_behind_a_link_is_polled(
    root: Path, watch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = root.with_name("share")
    share.mkdir()
    (root / "link").symlink_to(share)
    far = Mount(7, "0:9", str(share), "cifs")
    monkeypatch.setattr(scan, "mount_of", lambda path, known: far if path == str(share) else None)
    assert watch().state.mode == "events"
    state = watch(Rules(follow_links=True)).state
    assert (state.mode, "cifs" in (state.polled_because or "")) == ("polling", True)


def test_a_drive_that_was_pulled_out_while_mounted_is_offline(
    root: Path, watch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, there = watch(), True
    monkeypatch.setattr(Mount, "device_is_gone", property(lambda mount: not there))
    watched._devices.clear()
    until(lambda: bool(watched._devices))  # what was never there is not gone
    assert watched.state.online
    there = False
    until(lambda: "drive was removed" in (watched.state.offline_because or ""))
    there = True
    until(lambda: watched.state.online)


def test_links_that_are_followed_are_watched(root: Path, watch: Start, changes: Changes) -> None:
    other, drive = root.with_name("other"), root.with_name("drive")
    (other / "deep").mkdir(parents=True)
    (root / "link").symlink_to(other)
    (root / "later").symlink_to(drive)
    watched = watch(Rules(follow_links=True))
    (other / "deep/a.jpg").write_bytes(b"x")
    assert changes.seen()
    settle(watched, changes)
    drive.mkdir()
    assert changes.seen()
    settle(watched, changes)
    (drive / "b.jpg").write_bytes(b"x")
    assert changes.seen()
    settle(watched, changes)
    (root / "new").symlink_to(drive)
    assert changes.seen()


def test_without_watching_it_still_tells_what_is_there(
    root: Path, watch: Start, changes: Changes
) -> None:
    watched = watch(events=False)
    assert watched.state == Watched(True, True, "off")
    root.rename(root.with_name("away"))
    until(lambda: not watched.state.online)


def test_a_marker_is_a_change(root: Path, watch: Start, changes: Changes) -> None:
    watched = watch()
    (root / "2019/.nomedia").touch()
    assert changes.seen()
    settle(watched, changes)
    (root / "2019/.nomedia").unlink()
    assert changes.seen()
    settle(watched, changes)
    (root / "2019/may/b.jpg").write_bytes(b"x")
    assert changes.seen()


def test_too_few_watches_for_a_library_are_told_before_they_are_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = {"fs.inotify.max_user_watches": 100, "user.max_inotify_watches": 200}
    monkeypatch.setattr(inotify, "_limit", limits.get)
    assert inotify.shortage(99) is None
    assert "sudo sysctl fs.inotify.max_user_watches=" in (inotify.shortage(100) or "")
    monkeypatch.setattr(inotify, "_limit", lambda name: None)
    assert inotify.shortage(10**9) is None


def test_a_look_that_fails_is_not_the_last(
    root: Path, watch: Start, caplog: pytest.LogCaptureFixture
) -> None:
    failures = [RuntimeError("once")]

    def expected() -> list[str]:
        if failures:
            raise failures.pop()
        return ["2019/may/a.jpg"]

    watched = watch(expected=expected)
    until(lambda: watched.state == ONLINE)
    assert "looking at" in caplog.text
    root.rename(root.with_name("away"))
    until(lambda: not watched.state.online)


def test_a_folder_that_never_answered_is_offline_too(
    root: Path, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    monkeypatch.setattr(watching, "STALE_S", 0.5)
    monkeypatch.setattr(watching, "mounts", lambda: answers.wait() and [])
    watched = FolderWatch(root, Rules(), changes)
    watched.start()
    until(lambda: watched.state.offline_because == "does not answer")
    answers.set()
    until(lambda: watched.state.online)
    watched.stop()
