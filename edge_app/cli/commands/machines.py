"""The commands of a cluster of machines (docs/many-machines.md)."""

from __future__ import annotations

import sys
from argparse import Namespace

from edge_app.cluster.address import Address
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

    def print_start(address: str) -> None:
        print(f"Scheduling at {address}", flush=True)
        asked = Address.of(options.address)
        if Address.of(address).is_loopback and not asked.is_loopback:
            print(
                f"note: here {asked.host} is this machine alone; for others, give its address in "
                "the network",
                file=sys.stderr,
            )

    schedule(options.address, config.cluster_tls, print_start)
    return 0


def worker(config: Config, options: Namespace) -> int:
    """Work for a cluster with the photos, or the copy of an index, that this machine has."""
    work(
        options.address, config, config.cluster_tls,
        lambda address: print(f"Working for {options.address} as {address}", flush=True),
        embeds=options.copy is None or bool(options.galleries), copy=options.copy,
    )  # fmt: skip
    return 0
