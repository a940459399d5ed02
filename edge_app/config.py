"""Frozen settings; every limit is a named default with its unit, and lives here only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

MiB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one input, request or batch may cost. Units are in the names."""

    # --- one image -------------------------------------------------------------------------
    file_bytes: int = 256 * MiB  # an original larger than this is rejected unread
    decode_pixels: int = 100_000_000  # from the header, before any pixel is decoded
    decode_s: float = 20.0  # a decoder running longer is killed
    decode_memory_bytes: int = 512 * MiB  # address space of one decoding child over its start size
    thumb_px: int = 320  # longer side of a thumbnail
    thumb_quality: int = 80  # JPEG quality of a thumbnail

    # --- one batch of the index --------------------------------------------------------------
    batch_images: int = 256
    batch_s: float = 30.0
    compact_dead_fraction: float = 0.25  # more dead rows than this and the index is rewritten

    # --- one query -----------------------------------------------------------------------------
    k: int = 20
    k_max: int = 1000
    query_images: int = 64  # photos in one combined query, like and unlike together
    box_px: int = 16  # a region's shorter side, in pixels of the original
    page_images: int = 100  # default of GET /api/images
    page_images_max: int = 1000

    # --- one request -----------------------------------------------------------------------------
    upload_bytes: int = 32 * MiB


@dataclass(frozen=True, slots=True)
class Config:
    """Where things are and how the device should work; one value for the whole process."""

    gallery: Path = Path("static/images")
    index: Path = Path("index")
    model: Path = Path("models/mobilenet_v2.tflite")
    workers: int | None = None  # decoding children; None: what cores and memory allow
    threads: int | None = None  # inference threads; None: the measured choice
    host: str = "127.0.0.1"
    port: int = 5000
    limits: Limits = field(default_factory=Limits)
