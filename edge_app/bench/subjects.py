"""What `bench` measures, by name: the figures, and the table that shows them."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from edge_app.bench import indexing as benchindex
from edge_app.bench import report as benchreport
from edge_app.bench import search as benchsearch
from edge_app.bench import serving as benchserve
from edge_app.bench.board import this_board
from edge_app.bench.photos import make_photos, make_thumbnail
from edge_app.bench.vectors import clustered, make_index
from edge_app.config import Config
from edge_app.index.read.reader import Reader
from edge_app.model.card import ModelCard
from edge_app.search.vectors.exact import K


class Measured(NamedTuple):
    """What one subject of `bench` gives."""

    figures: dict[str, Any]  # what JSON can hold
    table: str


def report(config: Config, options: Namespace) -> Measured:
    """A short report of this device, made to be posted."""
    card = ModelCard.load(config.model)
    figures = benchreport.figures_of(
        this_board(),
        card,
        _measure_index(config, options),
        _measure_searches(config, options),
        photos_made_up="gallery" not in options,
    )
    return Measured(asdict(figures), benchreport.text(figures))


def index(config: Config, options: Namespace) -> Measured:
    """Index the library given, or photos made for it, into an index of its own."""
    figures = _measure_index(config, options)
    return Measured(asdict(figures), benchindex.text(figures))


def search(config: Config, options: Namespace) -> Measured:
    """Search the index there is, or one made for it."""
    figures = _measure_searches(config, options)
    return Measured(asdict(figures), benchsearch.text(figures))


def serve(config: Config, options: Namespace) -> Measured:
    """Serve the index there is, or one made for it."""
    with _some_index(config, options) as config:
        figures = benchserve.measure(config, options.connections, options.seconds)
    return Measured(asdict(figures), benchserve.text(figures))


SUBJECTS: dict[str, Callable[[Config, Namespace], Measured]] = {
    subject.__name__: subject for subject in (report, index, search, serve)
}


def _measure_index(config: Config, options: Namespace) -> benchindex.Figures:
    with tempfile.TemporaryDirectory() as folder:
        if "gallery" not in options:
            config = replace(config, gallery=Path(folder))
            make_photos(config.gallery, options.count)
        return benchindex.measure(config)


def _measure_searches(config: Config, options: Namespace) -> benchsearch.Figures:
    with _some_index(config, options) as config, Reader(config.index) as reader:
        return benchsearch.measure(reader.snapshot(), K)


@contextmanager
def _some_index(config: Config, options: Namespace) -> Iterator[Config]:
    """Settings with an index that holds something: their own, or one of made-up images."""
    with Reader(config.index) as reader:
        has_images = bool(reader.snapshot().live.any())
    if has_images:
        yield config
        return
    with tempfile.TemporaryDirectory() as folder:
        config = replace(config, index=Path(folder) / "index")
        make_index(config.index, clustered(options.rows, options.dim), make_thumbnail())
        yield config
