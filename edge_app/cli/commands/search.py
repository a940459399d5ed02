"""The command `search`: images, texts and words, each asked for by itself or all together."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing
from pathlib import Path

from edge_app.api.types import params, requests
from edge_app.cli import hints
from edge_app.cli.printing import print_answer
from edge_app.cluster.over import joined
from edge_app.config import Config
from edge_app.errors import UsageError
from edge_app.index.read.snapshot import Snapshot
from edge_app.photos.regions import WHOLE
from edge_app.search.gallery import Gallery, Query

TEXT_FILE_CHARS = 1_000_000


def search(config: Config, options: Namespace) -> int:
    """Print the most similar images of each query."""
    wanted = requests.read(requests.Similar, vars(options))
    texts = [*options.text, *(_lines(options.text_file) if options.text_file else ())]
    if not options.images and not texts and options.word is None:
        raise UsageError('nothing to search for: give an IMAGE or --text "WORDS"')
    with (
        joined(config) as machines,
        closing(Gallery(config, machines and machines.rank)) as gallery,
    ):
        snapshot = gallery.searchable()
        hints.check_filters(gallery.reader, wanted)
        asked = _queries(gallery, snapshot, wanted, texts, options)
        answers = gallery.similar(
            snapshot,
            [query for query, _ in asked],
            wanted.k,
            filter=params.filter_of(wanted),
            collapse=options.collapse,
            tiles=options.tiles,
        )
        if options.csv:
            print("query,rank,id,score,path,band")
        for (query, names), matches in zip(asked, answers, strict=True):
            scale = gallery.scale(snapshot, query, tiles=options.tiles)
            print_answer(gallery, names, matches, scale, options)
    return 0


def _queries(
    gallery: Gallery,
    snapshot: Snapshot,
    wanted: requests.Similar,
    texts: list[str],
    options: Namespace,
) -> list[tuple[Query, list[str]]]:
    """What is searched for, with the names it is printed by: each by itself, or one of all."""
    box = params.box_of(wanted.box) or WHOLE
    weight = requests.read(requests.Combined, {"weight": options.weight}).weight
    asked = [(gallery.query_of_name(snapshot, name, box), [name]) for name in options.images]
    asked += [(gallery.query_of_text(snapshot, text), [text]) for text in texts]
    if options.word is not None:
        asked.append((gallery.query_of_word(snapshot, options.word), [options.word]))
    unlike = options.unlike or options.unlike_text
    mixed = bool(options.images) and bool(texts)
    if not (options.together or unlike or mixed or options.word is not None):
        return asked
    unlikes = [gallery.query_of_name(snapshot, name) for name in options.unlike]
    unlikes += [gallery.query_of_text(snapshot, text) for text in options.unlike_text]
    together = gallery.combined([query for query, _ in asked], unlikes, weight)
    return [(together, [name for _, names in asked for name in names])]


def _lines(path: Path) -> list[str]:
    """The texts of a file, one a line; UsageError where it can't be read as that."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(TEXT_FILE_CHARS + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"--text-file {path} can't be read: {reason}") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if len(text) > TEXT_FILE_CHARS or not lines:
        raise UsageError(
            f"--text-file {path} has {'no text' if not lines else 'more text'}; 1 to "
            f"{TEXT_FILE_CHARS} characters are read"
        )
    return lines
