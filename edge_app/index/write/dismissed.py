"""Pairs of images that are no duplicates to the user, by content."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edge_app.index.write.decided import DecidedFile

Pair = tuple[bytes, bytes]  # content hashes, the lesser one first

FILE = "dismissed.txt"
DISMISSED = DecidedFile(FILE, width=2)


def read_dismissed(index: Path) -> set[Pair]:
    """All pairs."""
    return {(one, other) for one, other in DISMISSED.read(index)}


def add_dismissed(index: Path, pairs: Iterable[Pair]) -> int:
    """Remember pairs, durably, all of them or none; how many are new."""
    return DISMISSED.add(index, map(_ordered, pairs))


def undo_dismissed(index: Path, pairs: Iterable[Pair]) -> int:
    """Forget pairs, durably, all of them or none; how many were there."""
    return DISMISSED.undo(index, map(_ordered, pairs))


def _ordered(pair: Pair) -> Pair:
    return min(pair), max(pair)
