"""A folder as a source: the photos below it, the open original, whether one has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_app.errors import LibraryError, NotFoundError
from edge_app.library import scan
from edge_app.library.folder import Folder
from edge_app.library.mounts import Mount
from edge_app.library.originals import fingerprint, open_original
from edge_app.library.rules import Rules
from edge_app.library.source import fingerprint_at


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "photos/2019").mkdir(parents=True)
    (tmp_path / "photos/2019/a.jpg").write_bytes(b"first")
    return Folder(tmp_path / "photos")


def test_it_opens_what_it_found_and_says_which_version_that_is(folder: Folder) -> None:
    (found,) = folder.scan().files
    with folder.open(found.path) as original:
        assert original.file.read() == b"first"
    assert (original.size_bytes, original.mtime_ns) == (found.size_bytes, found.mtime_ns)
    assert fingerprint_at(folder, found.path) == fingerprint(b"first")


def test_a_decoding_process_opens_the_file_itself(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = Folder(Path("photos")).to_decode("2019/a.jpg", 5)
    monkeypatch.chdir("/")
    with open_original(Path(place.root), place.path) as file:
        assert file.read() == b"first"


def test_a_file_is_unchanged_until_its_size_or_time_differs_or_it_is_gone(
    folder: Folder, tmp_path: Path
) -> None:
    (found,) = folder.scan().files
    assert folder.unchanged(found)
    file = tmp_path / "photos/2019/a.jpg"
    os.utime(file, ns=(0, found.mtime_ns + 1))
    assert not folder.unchanged(found)
    file.unlink()
    assert not folder.unchanged(found)
    with pytest.raises(NotFoundError):
        folder.open(found.path)


def test_it_is_the_same_place_under_another_name(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("photos")
    assert Folder(tmp_path / "link").root == folder.root == str(tmp_path / "photos")
    assert folder.label == "photos"
    assert folder.holds(tmp_path / "link/2019") and not folder.holds(tmp_path)


def test_without_its_root_it_is_offline(folder: Folder, tmp_path: Path) -> None:
    assert folder.online()
    (tmp_path / "photos").rename(tmp_path / "away")
    assert not folder.online()
    for use in (folder.check, folder.scan, lambda: folder.open("2019/a.jpg")):
        with pytest.raises(LibraryError, match="photos"):
            use()


def test_what_a_link_leads_to_is_opened_only_when_links_are_followed(
    folder: Folder, tmp_path: Path
) -> None:
    (tmp_path / "other/deep").mkdir(parents=True)
    (tmp_path / "other/deep/b.jpg").write_bytes(b"behind")
    (tmp_path / "photos/link").symlink_to("../other")
    (tmp_path / "other/twice").symlink_to("deep")
    following = Folder(tmp_path / "photos", Rules(follow_links=True))
    for path in ("link/deep/b.jpg", "link/twice/b.jpg"):
        with following.open(path) as original:
            assert original.file.read() == b"behind"
        place = following.to_decode(path, 0)
        assert open_original(Path(place.root), place.path).read() == b"behind"
        with pytest.raises(NotFoundError):
            folder.open(path)
    found = {file.path: file for file in following.scan().files}
    assert following.unchanged(found["link/deep/b.jpg"])
    with pytest.raises(NotFoundError):  # what an index from elsewhere may say
        following.open("../photos/link/deep/b.jpg")


def test_an_edit_that_keeps_size_and_time_is_another_version(
    folder: Folder, tmp_path: Path
) -> None:
    (found,) = folder.scan().files
    with folder.open(found.path) as before:
        pass
    file = tmp_path / "photos/2019/a.jpg"
    (tmp_path / "new").write_bytes(b"other")
    os.utime(tmp_path / "new", ns=(0, found.mtime_ns))
    (tmp_path / "new").rename(file)
    assert not folder.unchanged(found)
    with folder.open(found.path) as after:
        assert (after.size_bytes, after.mtime_ns) == (before.size_bytes, before.mtime_ns)
        assert after.version != before.version


def test_where_change_times_mean_nothing_only_size_and_time_are_compared(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = Mount(1, "0:9", str(tmp_path), "fuse.gvfsd-fuse")
    monkeypatch.setattr(scan, "mount_of", lambda path, known: mount)
    (before,) = folder.scan().files
    (tmp_path / "photos/2019/a.jpg").chmod(0o600)
    (after,) = folder.scan().files
    assert before == after
    assert folder.unchanged(before)
