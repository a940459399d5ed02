"""What each command does, from settings to printed lines; the returned number is the exit code."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from argparse import Namespace
from contextlib import closing
from getpass import getpass

from tqdm import tqdm

from edge_app.api.types.views import as_json, group_of, rejections_of
from edge_app.cli import decided
from edge_app.cli.ending import end_clean
from edge_app.cli.printing import (
    ProgressLine,
    notes,
    print_group,
    print_rejections,
    summary,
)
from edge_app.cluster.over import joined
from edge_app.cluster.pool import opener
from edge_app.config import DRAIN_S, Config
from edge_app.errors import LibraryError, NoIndexError, StoreError, UsageError
from edge_app.guard.passcode import end_sessions, make_token, read_hash, write_passcode
from edge_app.index.read import export as exporting
from edge_app.index.read.reader import Reader
from edge_app.index.read.rejections import NAMED, Rejections
from edge_app.index.repair import check as checking
from edge_app.index.write.upgrade import bring_up_to_date
from edge_app.indexing.plan import IndexReport
from edge_app.indexing.run import run_index
from edge_app.library.places import where
from edge_app.library.sources import folders_of
from edge_app.memory import go_first
from edge_app.search.alike.groups import Review
from edge_app.search.alike.keeper import Keeper

DAY_S = 24 * 3600
CHECKED = ("images", "rows", "thumbnails", "rejected")


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


def duplicates(config: Config, options: Namespace) -> int:
    """Print groups of near-duplicates, the largest first."""
    bring_up_to_date(config.index)
    with Reader(config.index) as reader, tqdm(total=100, unit="%", disable=None) as bar:
        if reader.snapshot().identity is None:
            raise NoIndexError(config.index)
        if decided.decide(reader, options):
            return 0

        def show(fraction: float) -> None:
            bar.update(round(100 * fraction) - bar.n)

        with joined(config) as over:
            review = Review(reader, over.compare)
            found = review.all_groups(options.min_score, show)
        library = folders_of(reader.roots())
        with closing(Keeper(library, config.limits)) as keeper:
            for group in found.of_kind(options.kind):
                images = reader.images(member.id for member in group.members)
                keep = None if group.kind == "alike" else keeper.now(images)
                print_group(as_json(group_of(group, images, keep)), options)
        if found.unpatterned:
            print(
                f"note: edited copies of {found.unpatterned} images are found after the next index "
                "run: lookalike index",
                file=sys.stderr,
            )
    return 0


def export(config: Config, options: Namespace) -> int:
    """Write the index into files for other programs."""
    bring_up_to_date(config.index)
    with Reader(config.index) as reader, tqdm(unit="image", disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        made = exporting.export(reader, options.folder, options.format, show)
    for path in made:
        print(path)
    return 0


def check(config: Config, options: Namespace) -> int:
    """Print what is wrong with the index; 1 while something is."""
    bring_up_to_date(config.index)
    report = checking.repair(config.index) if options.repair else checking.check(config.index)
    problems = [str(problem) for problem in report.problems]
    if options.json:
        counts = {name: getattr(report, name) for name in CHECKED}
        set_aside = report.set_aside and str(report.set_aside)
        groups = _rejections(config, sys.maxsize)
        said = {"problems": problems, "set_aside": set_aside}
        files = [as_json(rejections_of(group)) for group in groups]
        print(json.dumps(counts | said | {"rejections": files}))
    else:
        for problem in problems:
            print(problem)
        print(", ".join(f"{getattr(report, name)} {name}" for name in CHECKED) + " checked")
        print_rejections(_rejections(config))
    if not problems:
        return 0
    if options.repair:
        print(
            "The damage is removed. Restore what is missing with: lookalike index", file=sys.stderr
        )
        return 0
    print("Repair the index with: lookalike check --repair", file=sys.stderr)
    return 1


def bench(config: Config, options: Namespace) -> int:
    """Measure one subject and print the figures."""
    from edge_app.bench.subjects import SUBJECTS  # brings the server

    measured = SUBJECTS[options.subject](config, options)
    print(json.dumps(measured.figures) if options.json else measured.table)
    return 0


def passcode(config: Config, options: Namespace) -> int:
    """Ask for a passcode and keep its hash in a file; or make a token for a program."""
    if options.token is not None:
        print(make_token(read_hash(options.file), int(time.time()) + options.token * DAY_S))
        return 0
    if options.sign_out:
        end_sessions(options.file)
        print("All sessions and tokens of this passcode file have ended.")
        return 0
    if sys.stdin.isatty():
        text = getpass("Passcode: ")
        if getpass("Repeat the passcode: ") != text:
            raise UsageError("the two passcodes differ; no file was written")
    else:
        text = sys.stdin.readline().rstrip("\n")
    write_passcode(options.file, text)
    print(f"{options.file} is written. Use it with: lookalike serve --passcode-file {options.file}")
    return 0


def _rejections(config: Config, named_max: int = NAMED) -> list[Rejections]:
    """The groups of rejected files; none where the catalogue can't be read, which `check` says."""
    try:
        with Reader(config.index) as reader:
            return reader.rejections(named_max)
    except StoreError:
        return []


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
        print(f"note: {name} is offline: {why}", file=sys.stderr)
    if kept:
        print(
            f"note: {kept}to remove them from the index: lookalike index --prune", file=sys.stderr
        )
    for note in notes(report):
        print(f"note: {note}", file=sys.stderr)


def _end_with_stdin() -> None:
    """End this process when whoever started it does, which a kill leaves no time to say."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(DRAIN_S)
    os._exit(128 + signal.SIGTERM)  # stuck, as on a dead share; what is committed stays
