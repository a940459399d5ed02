"""Frozen settings; every limit is a named default with its unit, and lives here only."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from edge_app.errors import UsageError

MiB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one input, request or batch may cost. Units are in the names."""

    # --- one image -------------------------------------------------------------------------
    file_bytes: int = 256 * MiB  # an original larger than this is rejected unread
    decode_pixels: int = 100_000_000  # from the header, before any pixel is decoded
    decode_s: float = 20.0  # a decoder running longer is killed
    decode_memory_bytes: int = 512 * MiB  # address space of one decoding child over its start size
    decode_ahead: int = 6  # jobs in flight at one decoding child, the one it works on included
    thumb_px: int = 320  # longer side of a thumbnail
    thumb_quality: int = 80  # JPEG quality of a thumbnail

    # --- one batch of the index --------------------------------------------------------------
    batch_images: int = 256  # a kill costs no more: half is committed while the other half fills
    batch_s: float = 30.0  # a batch is committed after this, however few its images
    compact_dead_fraction: float = 0.25  # more dead rows than this and the index is rewritten

    # --- one query -----------------------------------------------------------------------------
    k: int = 20
    k_max: int = 1000
    ranking_max: int = 10_000  # how deep offset + k may go, and a collapsed answer looks
    collapse_score: float = 0.95  # a match this close to a better one is folded under it
    duplicate_score: float = 0.95  # images this close to one another are near-duplicates
    duplicate_score_min: float = 0.8  # below this whole albums would be one group
    duplicate_wait_s: float = 2.0  # a request waits so long for groups, then asks again
    dismiss_images: int = 100  # of one group, dismissed at once
    page_groups: int = 200  # groups of duplicates in one answer
    query_images: int = 64  # photos in one combined query, like and unlike together
    unlike_weight: float = 0.5  # how strongly "less like these" counts
    words: int = 20  # completions of a word in one answer
    word_chars: int = 100  # the longest word that is looked up
    box_px: int = 16  # a region's shorter side, in pixels of the original
    page_images: int = 100  # default of GET /api/images
    page_images_max: int = 1000

    # --- watching the library root ---------------------------------------------------------------
    settle_s: float = 2.0  # files are read when nothing has changed for so long ...
    settle_max_s: float = 60.0  # ... or at the latest after this
    poll_s: float = 3600.0  # look anyway so often, should an event have been missed
    poll_eventless_s: float = 60.0  # so often where the file system reports no events
    index_retry_s: float = 15.0  # after a run that failed

    # --- one request -----------------------------------------------------------------------------
    upload_bytes: int = 32 * MiB  # a multipart body that says its length
    upload_unsized_bytes: int = 16 * MiB  # a chunked one, which can't be refused before it comes
    form_parts: int = 64  # fields and files of a multipart body
    body_bytes: int = 1 * MiB  # any other body
    header_bytes: int = 16 * 1024  # request line and headers together
    header_s: float = 10.0  # from a request's first byte to its last header
    body_bytes_per_s: int = 32 * 1024  # a body may take header_s, and 1 s more for each of these
    uploads: int = 4  # bodies over body_bytes in memory at one time, ...
    uploads_per_address: int = 2  # ... and from one address

    # --- the server -----------------------------------------------------------------------------
    connections: int = 128  # over this the one doing least makes room
    connections_per_address: int = 64
    idle_s: float = 60.0  # between two requests on one connection
    send_s: float = 30.0  # a client that takes not one byte of its answer for so long is gone, ...
    send_bytes_per_s: int = (
        32 * 1024
    )  # ... and so is one that needs longer than 1 s for each of these
    stripped_bytes: int = 128 * MiB  # originals without location that are in memory at one time
    linger_s: float = 2.0  # what a refused client still sends is read and dropped for so long, ...
    linger_bytes: int = 4 * MiB  # ... and no further than this
    server_threads: int = 8
    queued_requests: int = 64  # waiting for a thread; more are answered 503
    compressed_bytes: int = 8 * MiB  # gzipped answers that are kept
    drain_s: float = 4.0  # answers under way at SIGTERM get so long

    # --- the passcode ---------------------------------------------------------------------------
    passcode_chars: int = 8  # the shortest that is accepted
    passcode_attempts: int = 5  # wrong ones from one address in passcode_window_s, then 429
    passcode_attempts_all: int = 50  # ... and from all addresses together
    passcode_window_s: float = 300.0
    session_s: int = 30 * 24 * 3600  # a browser stays signed in for so long


@dataclass(frozen=True, slots=True)
class Config:
    """Where things are and how the device should work; one value for the whole process."""

    gallery: Path = Path("static/images")
    index: Path = Path("index")
    model: Path = Path("models/mobilenet_v2.tflite")
    workers: int | None = None  # decoding children; None: what cores and memory allow
    threads: int | None = None  # inference threads; None: the measured choice
    runtime: str | None = None  # of embed.RUNTIMES; None: the faster one of those installed
    delegate: str | None = None  # FILE[:KEY=VALUE,…], a library that runs parts of the model
    delegate_optional: bool = False  # where that can't be loaded, the processor will do
    nice: int = 19  # of indexing: at 10 the slowest thumbnails took 4 times as long, at 19 twice
    tiles: bool = False  # also embed tiles of each image, for small objects
    host: str = "127.0.0.1"
    port: int = 5000  # 0: any free one
    lan: bool = False  # listen on every address of this device, and announce it
    allowed_hosts: tuple[str, ...] = ()  # further names this server is called by
    base_path: str = ""  # "/photos" when a proxy serves the gallery below a path
    trusted_proxy: str | None = None  # the address whose X-Forwarded-* headers are believed
    passcode_file: Path | None = None  # None: whoever reaches the server sees the photos
    access_log: bool = False
    strip_location: bool = False  # originals leave without the place they were taken at
    limits: Limits = field(default_factory=Limits)


def limits_from(changes: Iterable[str]) -> Limits:
    """The default limits with some changed, each by a text NAME=VALUE in the limit's unit."""
    values: dict[str, float] = {}
    types: dict[str, type] = {name: type(value) for name, value in asdict(Limits()).items()}
    for change in changes:
        name, _, text = change.partition("=")
        if name not in types:
            raise UsageError(f"--limit {change}: there is no limit {name!r}; see docs/limits.md")
        try:
            values[name] = types[name](text)
        except ValueError:
            raise UsageError(f"--limit {change}: {text!r} is not {NUMBERS[types[name]]}") from None
        if not 0 < values[name] < math.inf:  # NaN fails too
            raise UsageError(f"--limit {change}: {text} is not above 0")
    return replace(Limits(), **values)  # type: ignore[arg-type]


def changes_of(limits: Limits) -> list[str]:
    """What `limits_from` makes these limits of."""
    default = asdict(Limits())
    return [f"{name}={value}" for name, value in asdict(limits).items() if value != default[name]]


NUMBERS: dict[type, str] = {int: "a whole number", float: "a number"}
