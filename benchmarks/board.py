"""Puts this machine's `bench` report into a document, where there is a place for it.

python -m benchmarks.board --name x86-64 --write docs/benchmarks.md [OPTION of bench…]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tools.report import publish


def main() -> None:
    """Run `bench`, and print its report or write it into the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="the place is <!-- NAME --> … <!-- end -->")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    options, rest = parser.parse_known_args()
    bench = [sys.executable, "-m", "edge_app", "bench", *rest]
    publish(options.name, subprocess.check_output(bench, text=True).rstrip(), options.write)


if __name__ == "__main__":
    main()
