"""The command `export`."""

from __future__ import annotations

from argparse import Namespace

from tqdm import tqdm

from edge_app.config import Config
from edge_app.index.read import export as exporting
from edge_app.index.read.reader import Reader
from edge_app.index.write.upgrade import bring_up_to_date


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
