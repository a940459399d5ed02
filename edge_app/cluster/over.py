"""Whether other machines search with this one; what that takes is loaded only if they do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from edge_app.config import Config
from edge_app.search.alike.duplicates import Compare
from edge_app.search.vectors.ranking import Rank

if TYPE_CHECKING:
    from edge_app.cluster.machines import Machines


class Over(NamedTuple):
    """Who ranks and compares rows, and the machines that do; None: this process does."""

    rank: Rank | None = None
    compare: Compare | None = None
    machines: Machines | None = None


@contextmanager
def joined(config: Config) -> Iterator[Over]:
    """The cluster of these settings, if they name one."""
    if config.cluster is None:
        yield Over()
        return
    from edge_app.cluster.machines import Machines  # brings asyncio and TLS, 5 MB
    from edge_app.cluster.searching import SearchMachines

    with closing(Machines(config.cluster, config.cluster_tls)) as machines:
        search = SearchMachines(machines, config.limits.cluster_s)
        yield Over(search.rank, search.compare, machines)
