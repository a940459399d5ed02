"""The command `bench`."""

from __future__ import annotations

import json
from argparse import Namespace

from edge_app.config import Config


def bench(config: Config, options: Namespace) -> int:
    """Measure one subject and print the figures."""
    from edge_app.bench.subjects import SUBJECTS  # brings the server

    measured = SUBJECTS[options.subject](config, options)
    print(json.dumps(measured.figures) if options.json else measured.table)
    return 0
