"""Recognises RAW files by their bytes. Most are TIFF files in all but what their pixels mean."""

from __future__ import annotations

import re
import struct

from edge_app.photos.reading.tifftags import SIGNATURES, Directories

# What begins unlike any TIFF; the others are told by their tags.
STARTS = {
    "CR2": rb"II\*\0....CR",
    "CR3": rb"....ftypcrx ",
    "RAF": rb"FUJIFILMCCD-RAW",
    "ORF": rb"IIR[OS]|MMOR",
    "RW2": rb"IIU\0",
}
MAKES = {"NIKON": "NEF", "SONY": "ARW", "PENTAX": "PEF", "RICOH": "PEF", "SAMSUNG": "SRW"}
OTHER = "RAW"  # of another maker
KINDS = frozenset([*STARTS, *MAKES.values(), "DNG", OTHER])

# Tags (TIFF 6.0, DNG 1.6).
COMPRESSION, PHOTOMETRIC, MAKE, SUB_IFDS, DNG_VERSION = 259, 262, 271, 330, 50706
MOSAIC, LINEAR = 32803, 34892  # PHOTOMETRIC: a colour a pixel as the sensor sees it, or all


def raw_kind(data: bytes) -> str | None:
    """One of KINDS, None for what is no RAW file."""
    for kind, start in STARTS.items():
        if re.match(start, data, re.DOTALL):
            return kind
    if data[:4] not in SIGNATURES:
        return None
    try:
        return _Tiff(data).kind()
    except struct.error:  # a damaged TIFF, which its decoder says
        return None


def is_linear(data: bytes) -> bool:
    """Whether a RAW file has every colour of each pixel, as some DNGs do."""
    return data[:4] in SIGNATURES and LINEAR in _Tiff(data).values(PHOTOMETRIC)


def values_of(data: bytes, tag: int) -> set[int]:
    """What a tag of a TIFF file says in any of its directories; empty where damaged."""
    try:
        return _Tiff(data).values(tag) if data[:4] in SIGNATURES else set()
    except struct.error:
        return set()


class _Tiff:
    """The first directory of a TIFF file, and those below it."""

    def __init__(self, data: bytes) -> None:
        self.file = Directories(data)
        self.first = self.file.first()
        below = self.file.numbers(self.first, SUB_IFDS)
        self.all = [self.first, *map(self.file.at, below)]

    def kind(self) -> str | None:
        if DNG_VERSION in self.first:
            return "DNG"
        if not self.values(PHOTOMETRIC) & {MOSAIC, LINEAR}:
            return None
        make = ""
        if entry := self.first.get(MAKE):
            name = self.file.data[entry.value : entry.value + min(entry.count, 40)]
            make = name.decode("latin-1").upper()
        return next((kind for name, kind in MAKES.items() if make.startswith(name)), OTHER)

    def values(self, tag: int) -> set[int]:
        """Those of a tag in any directory."""
        return {value for directory in self.all for value in self.file.numbers(directory, tag)}
