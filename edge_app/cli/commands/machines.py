"""The commands of a cluster of machines (docs/many-machines.md)."""

from __future__ import annotations

from argparse import Namespace

from edge_app.cluster.keys import make_keys
from edge_app.cluster.scheduler import schedule
from edge_app.cluster.worker import work
from edge_app.config import Config


def cluster_keys(config: Config, options: Namespace) -> int:
    """Make the certificates that every machine of a cluster has."""
    make_keys(options.folder)
    print(
        f"{options.folder} is written. Copy it to every machine of the cluster, and nowhere else."
    )
    return 0


def scheduler(config: Config, options: Namespace) -> int:
    """Run the meeting point of a cluster."""
    schedule(
        options.address, config.cluster_tls,
        lambda address: print(f"Scheduling at {address}", flush=True),
    )  # fmt: skip
    return 0


def worker(config: Config, options: Namespace) -> int:
    """Work for a cluster with the photos, or the copy of an index, that this machine has."""
    work(
        options.address, config, config.cluster_tls,
        lambda address: print(f"Working for {options.address} as {address}", flush=True),
        embeds=options.copy is None or bool(options.galleries), copy=options.copy,
    )  # fmt: skip
    return 0
