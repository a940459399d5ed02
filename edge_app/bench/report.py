"""One short report of a device, to be posted: what it is, and how fast it indexes and searches."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy
import PIL

from edge_app import VERSION
from edge_app.bench import indexing as benchindex
from edge_app.bench import search as benchsearch
from edge_app.bench.board import Board
from edge_app.model.card import ModelCard


@dataclass(frozen=True, slots=True)
class Figures:
    """What the report is made of."""

    date: str
    version: str
    board: Board
    python: str
    numpy: str
    pillow: str
    model: str
    photos_made_up: bool
    index: benchindex.Figures
    search: benchsearch.Figures


def figures_of(
    board: Board,
    card: ModelCard,
    index: benchindex.Figures,
    search: benchsearch.Figures,
    *,
    photos_made_up: bool,
) -> Figures:
    """All that was measured, with what it was measured on and today's date."""
    return Figures(
        date=datetime.now(UTC).date().isoformat(),
        version=VERSION,
        board=board,
        python=platform.python_version(),
        numpy=numpy.__version__,
        pillow=PIL.__version__,
        model=f"{card.name}, {card.input_size_px} px, {card.dtype}, {card.dim} numbers",
        photos_made_up=photos_made_up,
        index=index,
        search=search,
    )


def text(figures: Figures) -> str:
    """The report as Markdown, ready for an issue or docs/benchmarks.md."""
    board, index = figures.board, figures.index
    kind = "generated, 12 megapixels" if figures.photos_made_up else "from a photo folder"
    search = figures.search
    emulated = ", **emulated**: a real device has other times" if board.emulated else ""
    rows = {
        "board": f"{board.name}{emulated}",
        "cores, memory": f"{board.cores}, {board.memory_bytes / 1e9:.1f} GB",
        "system": board.system,
        "software": f"lookalike {figures.version}, Python {figures.python}, {index.runtime}, "
        f"NumPy {figures.numpy}, Pillow {figures.pillow}",
        "model": figures.model,
        "photos": f"{index.images}, {kind}, {index.image_bytes / 1e6:.1f} MB on average",
        "indexing": f"**{index.images_per_s:.1f} images/s** with {index.workers} decoding "
        f"processes and {index.threads} inference threads; one image alone takes "
        + ", ".join(
            f"{index.stages[name].wall_ms:.0f} ms to {name}" for name in ("decode", "embed")
        ),
        "memory of indexing": f"{index.peak_memory_bytes / 1e6:.0f} MB at most, all processes",
        f"searching {search.rows} × {search.dim}": f"**{search.p50_ms:.1f} ms** "
        f"({search.p95_ms:.1f} ms in 95 %), {search.kernel}",
        "measured": figures.date,
    }
    return "\n".join(
        ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
    )
