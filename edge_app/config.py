"""Frozen settings: where things are, and the limits that a user may set. Units are in the names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")

MiB = 1024 * 1024
DRAIN_S = 4.0  # what is under way when a server is told to stop gets so long


def _limit(default: T, option: str, about: str) -> T:
    limit: T = field(default=default, metadata={"option": option, "about": about})
    return limit


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one image, batch, request or client may cost, each an option of the commands
    that use it (cli/limits.py)."""

    file_bytes: int = _limit(256 * MiB, "--file-size", "the largest photo file that is read")
    decode_s: float = _limit(20.0, "--decode-time", "decoding one photo may take this long")
    decode_memory_bytes: int = _limit(
        512 * MiB, "--decode-memory", "decoding one photo may use this much memory"
    )
    batch_s: float = _limit(
        30.0, "--commit-interval", "indexed photos are saved at least this often"
    )
    poll_s: float = _limit(
        3600.0, "--poll-interval", "check the photo folder this often, in case a change was missed"
    )
    poll_eventless_s: float = _limit(
        60.0, "--poll-interval-remote", "the same for network drives, which report no changes"
    )
    poll_remote_s: float = _limit(
        900.0, "--poll-interval-url", "the same for sources that are URLs, such as s3://"
    )
    preview_bytes: int = _limit(
        256 * MiB, "--preview-cache", "previews kept on the disk; 0 keeps none"
    )
    upload_bytes: int = _limit(32 * MiB, "--upload-size", "the largest upload that is accepted")
    zip_bytes: int = _limit(
        1024 * MiB, "--zip-size", "the largest zip of selected photos; less than 4 GiB"
    )
    connections: int = _limit(
        128, "--connections", "connections at a time; beyond these the least active one is closed"
    )
    connections_per_address: int = _limit(
        64,
        "--connections-per-address",
        "the same for one address, or one /64 of IPv6; not for loopback and proxies",
    )
    server_threads: int = _limit(8, "--server-threads", "requests answered at the same time")
    text_idle_s: float = _limit(
        300.0, "--text-idle", "a text tower that nobody uses is unloaded after this time"
    )
    cluster_s: float = _limit(
        10.0, "--cluster-time", "a search over a cluster takes no longer, or fails"
    )
    session_s: int = _limit(30 * 24 * 3600, "--session-time", "how long a browser stays signed in")


class Place(NamedTuple):
    """A source of photos as the user named it."""

    name: str  # paths of its photos begin with it; "" where there is one source only
    root: str  # a folder, or a URL


@dataclass(frozen=True, slots=True)
class Config:
    """Where things are and how the device should work; one value for the whole process."""

    gallery: Path = Path("static/images")  # the photo folder, unless `sources` says otherwise
    index: Path = Path("index")
    model: Path = Path("models/mobilenet_v2.tflite")
    sources: tuple[Place, ...] = ()  # several sources, or one that has a name or a URL
    gallery_config: Path | None = None  # what URLs need: keys, endpoints; for the owner alone
    workers: int | None = None  # decoding children; None: what cores and memory allow
    threads: int | None = None  # inference threads; None: the measured choice
    runtime: str | None = None  # of model.runtime.RUNTIMES; None: the faster one of those installed
    delegate: str | None = None  # FILE[:KEY=VALUE,…], a library that runs parts of the model
    delegate_optional: bool = False  # where that can't be loaded, the processor will do
    nice: int = 19  # of indexing: at 10 the slowest thumbnails took 4 times as long, at 19 twice
    tiles: bool = False  # also embed tiles of each image, for small objects
    exclude: tuple[str, ...] = ()  # globs of files and folders that are no photos: library.rules
    follow_links: bool = False  # to folders
    host: str = "127.0.0.1"
    port: int = 5000  # 0: any free one
    lan: bool = False  # listen on every address of this device, and announce it
    allowed_hosts: tuple[str, ...] = ()  # further names this server is called by
    base_path: str = ""  # "/photos" when a proxy serves the gallery below a path
    trusted_proxy: str | None = None  # the address whose X-Forwarded-* headers are believed
    passcode_file: Path | None = None  # None: everyone who reaches the server sees the photos
    access_log: bool = False
    strip_location: bool = False  # originals leave without the place they were taken at
    cluster: str | None = None  # a scheduler's address: its machines embed, or search
    cluster_tls: Path | None = None  # the certificates of the cluster
    limits: Limits = field(default_factory=Limits)

    @property
    def places(self) -> tuple[Place, ...]:
        """Where the photos are, one or more."""
        return self.sources or (Place("", os.fspath(self.gallery)),)


_SIZES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_TIMES = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_COUNTS = {"": 1, "k": 1000, "m": 1_000_000}
_MOST = 2**50  # of anything: beyond all memory, and exact as a float


def parse_limit(name: str, text: str) -> float:
    """A limit from text such as 512M, 20s, 100000; ValueError says what it should be."""
    units, examples = _units(name)
    found = re.fullmatch(r"([0-9]{1,20}(?:\.[0-9]{1,9})?)([a-z]?)", text.strip().lower())
    value = Decimal(found[1]) * units[found[2]] if found and found[2] in units else Decimal(0)
    least_met = value > 0 or (bool(found) and not value and name in MAY_BE_ZERO)
    if value > _MOST:
        raise ValueError(f"{text!r} is more than {limit_text(name, _MOST)}")
    if not least_met or (is_whole(name) and value % 1):
        above = "0 or more" if name in MAY_BE_ZERO else "above 0"
        raise ValueError(f"{text!r} is not {above}, such as {examples}")
    return int(value) if is_whole(name) else float(value)


def limit_text(name: str, value: float) -> str:
    """A limit as `parse_limit` reads it, with the largest unit that fits."""
    units, _ = _units(name)
    for unit, factor in reversed(units.items()):
        if factor > 1 and value % factor == 0 and unit:
            return f"{value // factor:.0f}{unit if units is _TIMES else unit.upper()}"
    return f"{value:.12g}" + ("s" if units is _TIMES else "")


def option_of(name: str) -> str:
    """The option that sets a limit."""
    return str(_FIELDS[name].metadata["option"])


def about(name: str) -> str:
    """What a limit is for."""
    return str(_FIELDS[name].metadata["about"])


def options_of(limits: Limits, names: Iterable[str]) -> list[str]:
    """The options that make these of the default limits, as far as they are named."""
    default = Limits()
    return [
        word
        for name in names
        if (value := getattr(limits, name)) != getattr(default, name)
        for word in (option_of(name), limit_text(name, value))
    ]


def is_whole(name: str) -> bool:
    """Whether a limit is a whole number."""
    return isinstance(getattr(Limits(), name), int)


def _units(name: str) -> tuple[dict[str, int], str]:
    """The units of a limit, and examples."""
    if name.endswith("_bytes"):
        return _SIZES, "512K, 32M or 1G"
    if name.endswith("_s"):
        return _TIMES, "20s, 5m, 1h or 30d"
    return _COUNTS, "64, 100K or 2M"


_FIELDS = {limit.name: limit for limit in fields(Limits) if "option" in limit.metadata}
LIMITS = tuple(_FIELDS)  # their names
MAY_BE_ZERO = {"preview_bytes"}
DECODING_LIMITS = ("file_bytes", "decode_s", "decode_memory_bytes")
INDEXING_LIMITS = (*DECODING_LIMITS, "batch_s")
