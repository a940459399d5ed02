"""The command `serve`."""

from __future__ import annotations

import signal
from argparse import Namespace

from edge_app.api import pace
from edge_app.api.monitor import HEALTH
from edge_app.api.routes import make_app
from edge_app.cli import logs
from edge_app.cli.ending import end_clean
from edge_app.cluster.over import Over, joined
from edge_app.config import Config
from edge_app.guard import serve as guard
from edge_app.index.format.locking import make_writable
from edge_app.indexing.run import refuse_index_inside_library
from edge_app.indexing.watch import Watcher
from edge_app.model.embed import Embedder
from edge_app.search.alike.groups import Review
from edge_app.search.gallery import Gallery


def serve(config: Config, options: Namespace) -> int:
    """Serve the gallery, and keep the index up to date meanwhile."""
    refuse_index_inside_library(config)
    logs.set_up(options.log_format)
    with joined(config) as over:
        return _serve(config, options, over)


def _serve(config: Config, options: Namespace, over: Over) -> int:
    gallery = Gallery(config, over.rank)
    watcher = Watcher(config, watch=options.watch)
    review = Review(gallery.reader, over.compare)
    # Before the server takes signals: an index run ends too.
    signal.signal(signal.SIGTERM, end_clean)
    try:
        empty = gallery.reader.snapshot().identity is None
        if empty:
            gallery.library.check()  # nothing to serve and nothing to make it from
        if empty or config.delegate:
            # Not kept: an accelerator may serve one process at a time, and indexing comes first.
            Embedder.of(config)
        if empty:
            make_writable(config.index)
        gallery.reader.recognise(gallery.library)
        watcher.start()
        watcher.wait(options.head_start)

        def print_start(urls: list[str]) -> None:
            for url in urls:
                print(f"Serving the gallery at {url}", flush=True)
            notes = [*gallery.notes(), *guard.start_notes(config, urls)]
            for note in filter(None, [*notes, options.then_say]):
                print(note, flush=True)

        app = make_app(gallery, watcher, review, over.machines)
        guard.serve(app, config, on_ready=print_start, open_paths={HEALTH}, pace=pace)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not cut this short
        watcher.stop()
        review.close()
        gallery.close()
    return 0
