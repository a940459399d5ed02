"""Bytes at a known offset, synced, never truncated while mapped."""

from __future__ import annotations

import mmap
import os
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_app.errors import StoreError
from edge_app.index.format.appendfile import HEADER_BYTES, AppendFile, Header, make_folder

HEADER = Header("vectors", "<f4", 1280, 5120, 3, "c" * 64)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vectors-3.f32"


def test_what_is_written_at_an_offset_is_read_there(path: Path) -> None:
    with closing(AppendFile.create(path, HEADER)) as file:
        file.reserve(0, 20)
        file.write(10, b"second")
        file.write(0, b"first")
        file.sync()
    with closing(AppendFile.open(path, HEADER)) as file:
        assert file.read(0, 16) == b"first\0\0\0\0\0second"
        assert file.size_bytes() == 20
        assert file.read(18, 100) == b"\0\0"
    assert path.stat().st_size == HEADER_BYTES + 20


@given(
    st.builds(
        Header,
        st.sampled_from(["vectors", "codes", "tiles", "thumbs"]),
        st.sampled_from(["<f4", "|u1"]),
        st.integers(0, 2**32 - 1),
        st.integers(1, 2**63),
        st.integers(1, 2**63),
        st.sampled_from(["", "0123456789abcdef" * 4]),
    )
)
def test_a_header_says_what_was_packed(header: Header) -> None:
    packed = header.pack()
    assert len(packed) == HEADER_BYTES
    assert Header.unpack(packed) == header


@given(st.integers(0, HEADER_BYTES * 8 - 1))
def test_a_header_with_any_flipped_bit_is_refused(bit: int) -> None:
    packed = bytearray(HEADER.pack())
    packed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError, match="damaged"):
        Header.unpack(bytes(packed))


def test_a_file_shorter_than_its_header_is_refused(path: Path) -> None:
    path.write_bytes(HEADER.pack()[:100])
    with pytest.raises(StoreError, match="only 100 bytes long"):
        AppendFile.open(path, HEADER)


def test_the_file_of_another_model_is_refused(path: Path) -> None:
    AppendFile.create(path, HEADER).close()
    other = Header("vectors", "<f4", 1280, 5120, 3, "d" * 64)
    with pytest.raises(StoreError, match=rf"{path} has the header of another file.*--repair"):
        AppendFile.open(path, other)


def test_making_a_file_anew_leaves_a_mapping_of_the_old_one_whole(path: Path) -> None:
    """A truncated file under a live mapping would end the process with SIGBUS."""
    with closing(AppendFile.create(path, HEADER)) as file:
        file.write(0, b"old" * 5000)
    with open(path, "rb") as old, mmap.mmap(old.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        AppendFile.create(path, HEADER).close()
        assert mapped[-3:] == b"old"


def test_release_gives_back_what_is_not_committed_and_no_more(path: Path) -> None:
    with closing(AppendFile.create(path, HEADER)) as file:
        file.reserve(0, 10_000)
        file.write(0, b"committed")
        file.release(9)
        assert file.size_bytes() == 9
        file.release(100)
        assert file.size_bytes() == 9
        assert file.read(0, 9) == b"committed"


def test_restore_mends_the_header_and_the_length(path: Path) -> None:
    AppendFile.create(path, HEADER).close()
    path.write_bytes(b"x" * (HEADER_BYTES + 4))
    with closing(AppendFile.unverified(path, HEADER, writable=True)) as file:
        assert file.problem() is not None
        file.restore(8)
        assert file.problem() is None
        assert file.read(0, 8) == b"xxxx\0\0\0\0"


def test_an_unwritable_folder_shows_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        make_folder(tmp_path / "file" / "index")


def test_make_folder_makes_what_is_missing(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert os.listdir(tmp_path / "a") == ["b"]
