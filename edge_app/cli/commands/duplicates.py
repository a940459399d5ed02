"""The command `duplicates`."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import closing

from tqdm import tqdm

from edge_app.api.types.views import as_json, group_of
from edge_app.cli.commands import decided
from edge_app.cli.folder import to_type
from edge_app.cli.printing import print_group
from edge_app.cluster.over import joined
from edge_app.config import Config
from edge_app.errors import NoIndexError
from edge_app.index.read.reader import Reader
from edge_app.index.write.upgrade import bring_up_to_date
from edge_app.library.sources import folders_of
from edge_app.search.alike.groups import Review
from edge_app.search.alike.keeper import Keeper


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
        groups = found.of_kind(options.kind)
        if not groups and not options.json:
            print("no duplicates found", file=sys.stderr)
        with closing(Keeper(library, config.limits)) as keeper:
            for group in groups:
                images = reader.images(member.id for member in group.members)
                keep = None if group.kind == "alike" else keeper.now(images)
                print_group(as_json(group_of(group, images, keep)), options)
        if found.unpatterned:
            print(
                f"note: edited copies of {found.unpatterned} images are found after the next index "
                f"run: {to_type(config, 'index')}",
                file=sys.stderr,
            )
    return 0
