"""The command `search`: images, texts and words, each asked for by itself or all together."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from edge_app.api.types import params, requests
from edge_app.cli import hints
from edge_app.cli.printing import print_answer
from edge_app.config import Config
from edge_app.errors import UsageError
from edge_app.photos.regions import WHOLE
from edge_app.search.gallery import Gallery

TEXT_FILE_CHARS = 1_000_000


def search(config: Config, options: Namespace) -> int:
    """Print the most similar images of each query."""
    wanted = requests.read(requests.Similar, vars(options))
    weight = requests.read(requests.Combined, {"weight": options.weight}).weight
    box = params.box_of(wanted.box) or WHOLE
    texts = [*options.text, *(_lines(options.text_file) if options.text_file else ())]
    if not options.images and not texts and options.word is None:
        raise UsageError('nothing to search for: give an IMAGE or --text "WORDS"')
    gallery = Gallery(config)
    try:
        snapshot = gallery.searchable()
        hints.check_filters(gallery.reader, wanted)
        queries = [gallery.query_of_name(snapshot, name, box) for name in options.images]
        names = [[name] for name in options.images]
        together = options.together or options.unlike or options.unlike_text
        together = together or (options.images and texts) or options.word is not None
        queries += [gallery.query_of_text(snapshot, text) for text in texts]
        names += [[text] for text in texts]
        if options.word is not None:
            queries.append(gallery.query_of_word(snapshot, options.word))
            names.append([options.word])
        if together:
            unlikes = [gallery.query_of_name(snapshot, name) for name in options.unlike]
            unlikes += [gallery.query_of_text(snapshot, text) for text in options.unlike_text]
            queries = [gallery.combined(queries, unlikes, weight)]
            names = [[word for name in names for word in name]]
        answers = gallery.similar(
            snapshot,
            queries,
            wanted.k,
            filter=params.filter_of(wanted),
            collapse=options.collapse,
            tiles=options.tiles,
        )
        if options.csv:
            print("query,rank,id,score,path,band")
        for query, named, matches in zip(queries, names, answers, strict=True):
            scale = gallery.scale(snapshot, query, tiles=options.tiles)
            print_answer(gallery, named, matches, scale, options)
    finally:
        gallery.close()
    return 0


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
