"""scan: regular image files only, in order, whatever else a folder holds."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from edge_app.errors import LibraryError
from edge_app.library.rules import Rules
from edge_app.library.scan import Tally, Walk, scan


def paths(root: Path) -> list[str]:
    return [file.path for file in scan(root).files]


def test_finds_images_in_all_folders_in_order_of_names(tmp_path: Path) -> None:
    for name in ["b.jpg", "a/z.PNG", "a/b/c.webp", "a.tiff", "c.heic"]:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    assert paths(tmp_path) == ["a/b/c.webp", "a/z.PNG", "a.tiff", "b.jpg", "c.heic"]


def test_reports_size_and_time_of_each_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"12345")
    os.utime(tmp_path / "a.jpg", ns=(1, 1_234_567_890_123_456_789))
    (file,) = scan(tmp_path).files
    assert (file.size_bytes, file.mtime_ns) == (5, 1_234_567_890_123_456_789)


def test_passes_over_other_files_hidden_names_and_other_programs_folders(tmp_path: Path) -> None:
    for name in ["film.mp4", "notes.txt", ".hidden.jpg", ".cache/a.jpg", "@eaDir/b.jpg", "noext"]:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x")
    assert paths(tmp_path) == []


def test_follows_no_links_and_opens_no_special_files(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(b"x")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.jpg").symlink_to(outside / "secret.jpg")
    (root / "folder").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "dangling.jpg").symlink_to("nowhere")
    (root / "itself").symlink_to("itself")
    os.mkfifo(root / "fifo.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket.jpg"))
        found = scan(root)
    assert (found.files, found.unreadable) == ([], set())


def test_a_folder_named_like_an_image_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").mkdir()
    (tmp_path / "x.jpg" / "y.jpg").write_bytes(b"x")
    assert paths(tmp_path) == ["x.jpg/y.jpg"]


def test_names_round_trip_as_bytes(tmp_path: Path) -> None:
    names = [b"caf\xe9.jpg", "café.jpg".encode(), b"new\nline.jpg", b"\x01\x1b[31m.jpg"]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"x")
    assert sorted(os.fsencode(path) for path in paths(tmp_path)) == sorted(names)


def test_an_unreadable_folder_is_noted_and_hides_what_was_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked").mkdir()
    (tmp_path / "open.jpg").write_bytes(b"x")
    listing = os.scandir

    def refuse(folder: str) -> object:  # root reads every folder, so the refusal is simulated
        if folder.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return listing(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    found = scan(tmp_path)
    assert [file.path for file in found.files] == ["open.jpg"]
    assert found.unreadable == {"locked"}
    assert found.left_out() == {"unreadable": Tally(1, "locked")}
    assert found.hides("locked/a.jpg")
    assert not found.hides("locked.jpg")


@pytest.mark.parametrize("drive", ["root", "root/link"])
def test_a_drive_that_goes_away_in_the_middle_says_nothing_of_what_was_not_found(
    tmp_path: Path, drive: str
) -> None:
    """Half of a listing would be half of the photos deleted."""
    root = tmp_path / "root"
    for name in ["far/b/b.jpg", "far/c/c.jpg", "root/a.jpg", "root/x/x.jpg"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (root / "link").symlink_to(tmp_path / "far")

    def pull(path: str, *_: object) -> None:
        if path == "link/c":
            (tmp_path / drive).rename(tmp_path / "away")

    walk = Walk(root, Rules(follow_links=True), pull)
    if drive == "root":
        with pytest.raises(LibraryError, match="went away"):
            list(walk.files())
    else:
        assert {file.path for file in walk.files()} >= {"a.jpg", "x/x.jpg", "link/b/b.jpg"}
        assert walk.found.hides("link/c/c.jpg") and not walk.found.hides("x/y.jpg")


@pytest.mark.parametrize("kind", ["missing", "a file"])
def test_a_root_that_is_no_folder_is_one_clear_line(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "root"
    if kind == "a file":
        root.write_bytes(b"x")
    with pytest.raises(LibraryError, match=f"{root}.*--gallery"):
        scan(root)
