"""What docs/many-machines.md says of a cluster: what came of faults, what more machines bring, and
on paper what up to a billion photos take, worked out from what was measured."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from tools.report import machine, markdown

COUNTS = (5_000_000, 50_000_000, 1_000_000_000)
PHOTO_BYTES = 4e6  # of an original: 12 megapixels of a phone
HELD_BYTES = 6e9  # of the codes that a machine with 8 GB keeps in memory
MACHINES, CORES = 100, 4
NETWORK_BYTES_PER_S = 1e9 / 8


class Measured(NamedTuple):
    """What the arithmetic stands on; bytes and times of one photo."""

    vector_bytes: float
    code_bytes: float  # with bounds
    catalogue_bytes: float
    thumbnail_bytes: float
    network_bytes: float  # to and from the machine that writes the index
    embed_s: float  # of one core
    writer_s: float  # of its processor
    scan_bytes_per_s: float  # of codes, by one machine
    pairs_per_s: float


def of_faults(found: dict[str, Any]) -> str:
    """What the document says of the faults."""
    indexed, answered = found["indexed"], found["answered"]
    assert indexed["faults"] == 2, "the photos were done before every fault had happened"
    states = ", ".join(answered["states"])
    lines = [
        f"- {indexed['added']:,} photos were indexed by three machines in "
        f"{indexed['seconds']:.0f} s while one was killed, one was cut off (its packets dropped) "
        "and one joined: the vectors are "
        f"{'bit for bit those' if indexed['same'] else '**not** those'} of one machine.",
        f"- {answered['queries']:,} searches of {answered['rows']:,} x 256 with the same faults: "
        f"{answered['wrong']} answers differ from one machine's. The slowest took "
        f"{answered['slowest_s']:.1f} s, the median {answered['median_ms']:.0f} ms (alone, with "
        f"both processors, {answered['alone_ms']:.0f} ms). Machines at the end: {states}.",
        f"- Told to end, the slowest member took {found['ended_s']:.0f} s.",
    ]
    return "\n".join([*lines, "", f"{machine()}."])


def of_efficiency(found: dict[str, Any], cores: float) -> str:
    """Machines, and what more of them bring."""
    one = found["rates"][1]
    body = [
        [
            str(count), f"{rate:.1f}", f"{count * one / rate:.2f}",
            *(f"{found['network'][count][who] / 1000:.1f}" for who in ("writer", "scheduler")),
        ]
        for count, rate in found["rates"].items()
    ]  # fmt: skip
    head = (
        "machines", "photos a second", "time × machines, one machine's is 1",
        "KB a photo to and from the machine that writes", "KB a photo to and from the scheduler",
    )  # fmt: skip
    about = (
        f"{found['photos']} photos of 12 megapixels, which each machine reads from its own disk "
        f"with {cores} of a processor. The machine that writes the index spent "
        f"{found['client_ms']:.1f} ms of processor time a photo. {machine()}."
    )
    return "\n".join([*markdown(head, body), "", about])


def on_paper(measured: Measured) -> str:
    """Arithmetic up to a billion photos."""
    m = measured
    hands = MACHINES * CORES
    gbit = f"over {NETWORK_BYTES_PER_S * 8 / 1e9:.0f} Gbit/s"

    def held(photos: int) -> int:
        return math.ceil(photos * m.code_bytes / HELD_BYTES)

    rows = {
        f"photos of {size(PHOTO_BYTES)}": lambda n: size(n * PHOTO_BYTES),
        f"thumbnails of {size(m.thumbnail_bytes)}": lambda n: size(n * m.thumbnail_bytes),
        f"vectors of {m.vector_bytes:,.0f} bytes": lambda n: size(n * m.vector_bytes),
        f"codes and bounds of {m.code_bytes:.0f} bytes, which a query reads": lambda n: size(
            n * m.code_bytes
        ),
        f"catalogue, {m.catalogue_bytes:.0f} bytes a photo": lambda n: size(n * m.catalogue_bytes),
        f"machines that hold their part of the codes in {size(HELD_BYTES)}": lambda n: (
            f"{held(n):,}"
        ),
        f"a query, if each machine reads {size(m.scan_bytes_per_s)} a second": lambda n: (
            f"{n * m.code_bytes / held(n) / m.scan_bytes_per_s:.2f} s"
        ),
        f"embedding at {1 / m.embed_s:.0f} photos a second and core, {MACHINES} machines of "
        f"{CORES} cores": lambda n: span(n * m.embed_s / hands),
        f"writing the index by one machine, {1000 * m.writer_s:.1f} ms a photo": lambda n: span(
            n * m.writer_s
        ),
        f"what that machine gets, {size(m.network_bytes)} a photo, {gbit}": lambda n: span(
            n * m.network_bytes / NETWORK_BYTES_PER_S
        ),
        f"moving the photos {gbit}": lambda n: span(n * PHOTO_BYTES / NETWORK_BYTES_PER_S),
        f"all pairs at {m.pairs_per_s / 1e9:.1f} × 10⁹ a second and machine, {MACHINES} "
        "machines": lambda n: span(n**2 / 2 / m.pairs_per_s / MACHINES),
    }  # fmt: skip
    head = ("256 dimensions", *(f"{n // 10**6:,} million" for n in COUNTS))
    body = [[name, *map(cell, COUNTS)] for name, cell in rows.items()]
    about = (
        f"One machine that writes keeps up with {m.embed_s / m.writer_s:.0f} cores that embed. "
        f"{machine()}."
    )
    return "\n".join([*markdown(head, body), "", about])


def size(count_bytes: float) -> str:
    """As people say it."""
    for unit, factor in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count_bytes >= factor:
            value = count_bytes / factor
            return (
                f"{value:.0f} {unit}"
                if value >= 10 or value.is_integer()
                else (f"{value:.1f} {unit}")
            )
    return f"{count_bytes:.0f} bytes"


def span(seconds: float) -> str:
    """As people say it."""
    for unit, factor in (
        ("years", 365 * 86400), ("days", 86400), ("h", 3600), ("min", 60),
    ):  # fmt: skip
        if seconds >= 2 * factor:
            value = seconds / factor
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{seconds:.0f} s"
