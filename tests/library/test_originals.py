"""originals: regular files below the library root, never anything that a link points to."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from edge_app.errors import DecodeError, LibraryError, NotFoundError, UnreadableError
from edge_app.library.originals import open_original


def read(root: Path, path: str) -> bytes:
    with open_original(root, path) as file:
        return file.read()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/2019/may").mkdir(parents=True)
    (tmp_path / "root/2019/may/a.jpg").write_bytes(b"inside")
    (tmp_path / "secret.jpg").write_bytes(b"outside")
    return tmp_path / "root"


def test_opens_a_file_below_the_root(root: Path) -> None:
    assert read(root, "2019/may/a.jpg") == b"inside"


def test_the_root_itself_may_be_a_link(root: Path) -> None:
    (root.parent / "link").symlink_to(root)
    assert read(root.parent / "link", "2019/may/a.jpg") == b"inside"


@pytest.mark.parametrize(
    "name", [b"\xff\xfe.jpg", b"new\nline.jpg", b"\x1b[2J.jpg", "é.jpg".encode()]
)
def test_any_name_a_file_can_have_is_opened(root: Path, name: bytes) -> None:
    with open(os.fsencode(root) + b"/" + name, "wb") as file:
        file.write(name)
    assert read(root, os.fsdecode(name)) == name


@pytest.mark.parametrize(
    "path",
    ["../secret.jpg", "2019/../../secret.jpg", "/etc/hostname", "", ".", "2019//may/a.jpg", "a\0b"],
)
def test_a_path_that_leads_elsewhere_is_not_found(root: Path, path: str) -> None:
    with pytest.raises(NotFoundError):
        open_original(root, path)


def test_a_link_is_not_followed_wherever_it_stands(root: Path) -> None:
    (root / "file.jpg").symlink_to(root.parent / "secret.jpg")
    (root / "inner.jpg").symlink_to("2019/may/a.jpg")
    (root / "loop.jpg").symlink_to("loop.jpg")
    (root / "folder").symlink_to(root.parent)
    for path in ("file.jpg", "inner.jpg", "loop.jpg"):
        with pytest.raises(DecodeError, match="not a regular file"):
            open_original(root, path)
    with pytest.raises(NotFoundError):
        open_original(root, "folder/secret.jpg")


def test_only_regular_files_are_opened_and_nothing_waits(root: Path) -> None:
    os.mkfifo(root / "fifo.jpg")
    (root / "folder.jpg").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    with listener:
        listener.bind(str(root / "socket.jpg"))
        for path in ("fifo.jpg", "folder.jpg", "socket.jpg"):
            with pytest.raises(DecodeError, match="not a regular file"):
                open_original(root, path)


def test_a_device_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="not a regular file"):
        open_original(Path("/dev"), "zero")


def test_a_vanished_file_or_folder_is_not_found(root: Path) -> None:
    for path in ("gone.jpg", "gone/a.jpg", "2019/may/a.jpg/b.jpg", "x" * 300):
        with pytest.raises(NotFoundError):
            open_original(root, path)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_without_permission_may_be_readable_another_time(root: Path) -> None:
    (root / "2019/may/a.jpg").chmod(0)
    with pytest.raises(UnreadableError, match="Permission denied"):
        open_original(root, "2019/may/a.jpg")


def test_a_missing_root_is_the_librarys_trouble_not_the_files(root: Path) -> None:
    with pytest.raises(LibraryError, match="folder gone can't be reached") as error:
        open_original(root / "gone", "a.jpg")
    assert str(root) not in str(error.value)  # visitors read it
    with pytest.raises(LibraryError):
        open_original(root / "2019/may/a.jpg", "a.jpg")


def test_no_descriptor_is_left_open(root: Path) -> None:
    (root / "link.jpg").symlink_to("x")
    before = len(os.listdir("/proc/self/fd"))
    read(root, "2019/may/a.jpg")
    for path in ("gone/a.jpg", "2019/gone.jpg", "link.jpg", "2019"):
        with pytest.raises((NotFoundError, DecodeError)):
            open_original(root, path)
    assert len(os.listdir("/proc/self/fd")) == before
