"""Snapshots in memory, for tests and benchmarks that need no index on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_app.index.format import codes
from edge_app.index.read.snapshot import Snapshot


@dataclass
class Columns:
    """What search reads of a snapshot; give `vectors` and what else matters."""

    vectors: NDArray[np.float32]
    ids: Any = None
    live: Any = None
    tiles: Any = None
    taken_at: Any = None
    folder: Any = None
    folders: tuple[str, ...] = ("",)
    format: Any = None
    formats: tuple[str, ...] = ("JPEG",)
    orientation: Any = None
    twin: Any = None
    generation: int = 1
    read: list[int] = field(default_factory=list)  # every row asked for by read_rows

    def __post_init__(self) -> None:
        rows = len(self.vectors)
        self.codes, self.bounds = codes.encode(self.vectors)
        for name, default in {
            "ids": np.arange(1, rows + 1),
            "live": np.ones(rows, bool),
            "taken_at": np.zeros(rows, np.int64),
            "folder": np.zeros(rows, np.int32),
            "format": np.zeros(rows, np.uint8),
            "orientation": np.zeros(rows, np.uint8),
            "twin": np.arange(rows, dtype=np.uint64),
        }.items():
            if getattr(self, name) is None:
                setattr(self, name, default)

    scales = Snapshot.scales
    all_live = Snapshot.all_live
    angle_max = Snapshot.angle_max

    @property
    def rows(self) -> int:
        return len(self.ids)

    def read_rows(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        self.read.extend(rows.tolist())
        return self.vectors[rows]

    def find_row(self, id: int) -> int | None:
        rows = np.flatnonzero(self.live & (self.ids == id))
        return int(rows[0]) if len(rows) else None
