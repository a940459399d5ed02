"""rules: other programs' folders, marked folders, globs and links are not photos of yours."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_app.errors import UsageError
from edge_app.library.rules import Rules
from edge_app.library.scan import Scan, scan


def make(root: Path, *names: str) -> None:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")


def paths(found: Scan) -> list[str]:
    return [file.path for file in found.files]


@pytest.mark.parametrize(
    "folder",
    [
        "@eaDir", "@EADIR", "@Recycle", "@Recently-Snapshot", "#snapshot", "#Recycle", "@__thumb",
        ".@__thumb", "$Recycle.Bin", "RECYCLER", "recycler", ".Trash-1000", ".Trashes",
        "Network Trash Folder", "System Volume Information", "lost+found", "Previews.lrdata",
        "Old.LRDATA", "x.noindex", "Photos.photoslibrary/resources/derivatives",
        "Photos.PhotosLibrary/Resources/Derivatives",
    ],
)  # fmt: skip
def test_folders_of_other_programs_are_skipped_whatever_their_case(
    tmp_path: Path, folder: str
) -> None:
    make(tmp_path, f"{folder}/a.jpg", f"2019/{folder}/deep/b.jpg", "2019/c.jpg")
    assert paths(scan(tmp_path)) == ["2019/c.jpg"]


def test_names_that_only_look_like_theirs_are_read(tmp_path: Path) -> None:
    names = ["derivatives/a.jpg", "my #snapshot/a.jpg", "recycle/a.jpg"]
    names.append("x.photoslibrary/originals/a.jpg")
    make(tmp_path, *names)
    assert paths(scan(tmp_path)) == sorted(names)


@pytest.mark.parametrize("marker", [".nomedia", ".noindex"])
def test_a_marked_folder_is_skipped_and_counted_but_for_the_root(
    tmp_path: Path, marker: str
) -> None:
    make(tmp_path, marker, f"app/{marker}", "app/a.jpg", "app/cache/b.jpg", "c.jpg")
    found = scan(tmp_path)
    assert paths(found) == ["c.jpg"]
    assert found.marked == {"app"}
    assert found.leaves_out("app/cache/b.jpg") and not found.leaves_out("c.jpg")


GLOBS = {
    "*.png": {"a.png", "x/b.png"},
    "x": {"x/b.png", "x/c.jpg", "x/y/d.jpg"},
    "x/*.jpg": {"x/c.jpg"},
    "/x/y": {"x/y/d.jpg"},
    "x/**": {"x/b.png", "x/c.jpg", "x/y/d.jpg"},
    "**/y": {"x/y/d.jpg"},
    "x/**/d.jpg": {"x/y/d.jpg"},
    "[ab].*": {"a.png", "x/b.png"},
    "[!a-c].jpg": {"x/y/d.jpg"},
    "?.jpg": {"x/c.jpg", "x/y/d.jpg"},
    "a.png/": set(),
    "y/": {"x/y/d.jpg"},
    "X": set(),
    "[": set(),
}


@pytest.mark.parametrize("glob", GLOBS)
def test_a_glob_names_files_and_folders(tmp_path: Path, glob: str) -> None:
    everything = {"a.png", "x/b.png", "x/c.jpg", "x/y/d.jpg"}
    make(tmp_path, *everything)
    rules = Rules((glob,))
    found = scan(tmp_path, rules)
    assert everything - set(paths(found)) == GLOBS[glob]
    assert {path for path in everything if rules.leaves_out(path)} == GLOBS[glob]
    assert bool(found.excluded.count) == bool(GLOBS[glob])


def test_globs_add_up(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "b.jpg", "c/d.jpg")
    found = scan(tmp_path, Rules(("*.png", "c")))
    assert paths(found) == ["b.jpg"]
    assert (found.excluded.count, found.excluded.example) == (2, "a.png")


@pytest.mark.parametrize("glob", ["", "/", "a//b", "../x", "./x", "[z-a]"])
def test_a_glob_that_can_match_nothing_is_refused(glob: str) -> None:
    with pytest.raises(UsageError, match="--exclude"):
        Rules((glob,))


FOLLOW = Rules(follow_links=True)


def test_a_link_to_a_folder_is_skipped_and_counted(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    make(root, "a.jpg")
    make(other, "b.jpg", "deep/c.jpg")
    (root / "link").symlink_to(other)
    found = scan(root)
    assert paths(found) == ["a.jpg"]
    assert found.linked == {"link"}
    assert found.left_out()["links"].example == "link"


def test_links_to_folders_are_followed_when_asked_for(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    make(root, "z.jpg")
    make(other, "b.jpg", "deep/c.jpg")
    (root / "link").symlink_to(other)
    (root / "file.jpg").symlink_to(other / "b.jpg")
    found = scan(root, FOLLOW)
    assert paths(found) == ["z.jpg", "link/b.jpg", "link/deep/c.jpg"]
    assert [file.mount for file in found.files] == ["", "link", "link"]
    assert not found.linked


def test_loops_end_and_no_folder_is_read_twice(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    make(root, "a/b.jpg")
    make(other, "c.jpg")
    (root / "self").symlink_to(root)
    (root / "again").symlink_to("a")
    (root / "up").symlink_to(tmp_path)  # holds the library, and `other`
    (root / "other").symlink_to(other)
    (other / "back").symlink_to(root)
    (other / "itself").symlink_to("itself")
    found = paths(scan(root, FOLLOW))
    assert found == ["a/b.jpg", "other/c.jpg"]


def test_a_link_is_as_hidden_and_as_excluded_as_a_folder(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    make(other, "b.jpg")
    for name in (".link", "@eaDir", "no"):
        (root / name).symlink_to(other)
    found = scan(root, Rules(("no",), follow_links=True))
    assert paths(found) == []
    assert found.excluded.count == 1
