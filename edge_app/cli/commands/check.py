"""The command `check`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace

from edge_app.api.types.views import as_json, rejections_of
from edge_app.cli.folder import to_type
from edge_app.cli.printing import print_rejections
from edge_app.config import Config
from edge_app.errors import StoreError, printable
from edge_app.index.read.reader import Reader
from edge_app.index.read.rejections import NAMED, Rejections
from edge_app.index.repair import check as checking
from edge_app.index.write.upgrade import bring_up_to_date

CHECKED = ("images", "rows", "thumbnails", "rejected")


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
            print(printable(str(problem)))
        print(", ".join(f"{getattr(report, name)} {name}" for name in CHECKED) + " checked")
        print_rejections(_rejections(config))
    if not problems:
        return 0
    if options.repair:
        again = to_type(config, "index")
        print(f"The damage is removed. Restore what is missing with: {again}", file=sys.stderr)
        return 0
    print(f"Repair the index with: {to_type(config, 'check', '--repair')}", file=sys.stderr)
    return 1


def _rejections(config: Config, named_max: int = NAMED) -> list[Rejections]:
    """The groups of rejected files; none where the catalogue can't be read, which `check` says."""
    try:
        with Reader(config.index) as reader:
            return reader.rejections(named_max)
    except StoreError:
        return []
