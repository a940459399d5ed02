"""A zip that is made while it is read."""

from __future__ import annotations

import io
import zipfile

import pytest

from edge_app.api.files.zips import CHUNK_BYTES, Member, Zip
from edge_app.errors import LimitError


def member(name: str, data: bytes, size: int | None = None) -> Member:
    return Member(name, len(data) if size is None else size, 1.6e9, lambda: io.BytesIO(data))


def test_it_reads_the_same_in_pieces_of_any_size() -> None:
    data = bytes(range(256)) * (CHUNK_BYTES // 100)
    made = Zip([member("a/ü.jpg", data), member("empty.jpg", b"")], 10**9)
    pieces = []
    for size in (1, 29, 30, 31, 100_000):
        pieces.append(made.read(size))
    while piece := made.read(70_001):
        again = made.seek(-len(piece), io.SEEK_CUR)
        assert made.read(len(piece)) == piece, again  # who sends it may look twice
        pieces.append(piece)
    whole = b"".join(pieces)
    assert len(whole) == made.size_bytes
    with zipfile.ZipFile(io.BytesIO(whole)) as zipped:
        assert zipped.testzip() is None
        assert zipped.read("a/ü.jpg") == data
        assert zipped.read("photos.txt").decode() == "a/ü.jpg\nempty.jpg\n"


def test_only_so_much_is_sent_and_the_limit_is_named() -> None:
    opened = []
    large = Member("large.jpg", 10**6, 0, lambda: opened.append(1) or io.BytesIO())  # type: ignore[func-returns-value]
    with pytest.raises(LimitError, match="--zip-size"):
        Zip([large], 10**6)
    assert not opened


@pytest.mark.parametrize("size", [1, 3])
def test_a_file_that_got_shorter_or_longer_ends_the_zip(size: int) -> None:
    made = Zip([member("cut.jpg", b"12", size=size)], 10**6)
    with pytest.raises(OSError, match="changed"):
        made.read()
