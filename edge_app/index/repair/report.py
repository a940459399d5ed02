"""What `check` has found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edge_app.index.repair.cures import Cure


@dataclass(frozen=True, slots=True)
class Problem:
    """One damaged thing in one line, and what clears it away; None: only a new catalogue does."""

    message: str
    cure: Cure | None

    def __str__(self) -> str:
        return self.message


@dataclass(slots=True)
class CheckReport:
    """What was looked at, and everything that is wrong with it."""

    images: int = 0
    rows: int = 0  # live ones, of all generations
    thumbnails: int = 0
    rejected: int = 0
    problems: list[Problem] = field(default_factory=list)
    set_aside: Path | None = None  # where `repair` has put a catalogue that it can't repair
