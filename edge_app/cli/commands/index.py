"""The command `index`."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from argparse import Namespace

from edge_app.api.types.views import as_json, rejections_of
from edge_app.cli.ending import end_clean
from edge_app.cli.folder import to_type
from edge_app.cli.printing import ProgressLine, notes, print_rejections, summary
from edge_app.cluster.pool import opener
from edge_app.config import DRAIN_S, Config
from edge_app.errors import LibraryError, printable
from edge_app.index.read.reader import Reader
from edge_app.indexing.plan import IndexReport
from edge_app.indexing.run import run_index
from edge_app.library.places import where
from edge_app.memory import go_first


def index(config: Config, options: Namespace) -> int:
    """Bring the index up to date with the library."""
    signal.signal(signal.SIGTERM, end_clean)  # so that the index is closed clean
    if options.end_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    os.setpriority(os.PRIO_PROCESS, 0, config.nice)
    go_first()
    with ProgressLine(as_json=options.json) as line:
        report = run_index(
            config,
            prune=options.prune,
            retry=options.retry,
            donor=options.donor,
            on_progress=line.show,
            over=opener(config, required=not options.end_with_stdin),
        )
    with Reader(config.index) as reader:
        if options.json:
            groups = [as_json(rejections_of(group)) for group in reader.rejections(sys.maxsize)]
            print(json.dumps(report.as_json() | {"rejections": groups}))
        else:
            print(summary(report))
            print_rejections(reader.rejections())
    _say_what_is_missing(config, options, report)
    return 0


def _say_what_is_missing(config: Config, options: Namespace, report: IndexReport) -> None:
    kept = f"{report.offline} indexed images were not found and are kept as offline; " * bool(
        report.offline
    )
    if report.found == 0 and not options.prune:
        raise LibraryError(
            f"no images in {where(config)}; {kept}add photos or mount the folder, or "
            "choose another folder with --gallery"
        )
    for name, why in report.unreachable.items():
        print(f"note: {name} is offline: {printable(why)}", file=sys.stderr)
    if kept:
        prune = to_type(config, "index", "--prune")
        print(f"note: {kept}to remove them from the index: {prune}", file=sys.stderr)
    for note in notes(report):
        print(f"note: {note}", file=sys.stderr)


def _end_with_stdin() -> None:
    """End this process when whoever started it does, which a kill leaves no time to say."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(DRAIN_S)
    os._exit(128 + signal.SIGTERM)  # stuck, as on a dead share; what is committed stays
