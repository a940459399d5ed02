"""Colours that a file describes by numbers in place of a profile: as a profile, for LittleCMS.

Code points of ITU-T H.273 (PNG's cICP; a box of AVIF and HEIC, nclx), and PNG's cHRM and gAMA.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import exp, log

Vector = tuple[float, float, float]
Points = tuple[float, ...]  # x and y of white, red, green, blue

D65 = 0.3127, 0.329
PRIMARIES: dict[int, Points] = {  # H.273, table 2
    1: (*D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
    4: (0.31, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    8: (0.31, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    22: (*D65, 0.63, 0.34, 0.295, 0.605, 0.155, 0.077),
}
SRGB, PQ, HLG = 13, 16, 18  # of H.273's table 3
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
# What television calls its curve browsers show by sRGB's.
AS_SRGB = {1, 6, 14, 15, SRGB}
# In candela per square metre: the brightest PQ knows, what is white on paper (ITU-R BT.2408), and
# what is shown as white; more is cut off.
PQ_NITS, PAPER_NITS, BRIGHTEST_NITS = 10000, 203, 1000

NCLX = re.compile(rb"colrnclx(....)", re.DOTALL)
BOXES_BYTES = 1 << 20  # from the start of a file, searched for that
LARGEST = 2**31 - 1
STEPS = 1024  # of a curve
D50: Vector = 0.9642, 1.0, 0.8249  # ICC.1, 7.2.16
BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def code_points(data: bytes, name: str) -> tuple[int, int] | None:
    """Primaries and curve that a PNG, AVIF or HEIC file names, by their numbers."""
    if name == "PNG":
        place = 8
        while len(data) >= place + 12:
            length, kind = struct.unpack_from(">I4s", data, place)
            if kind == b"cICP" and length == 4:
                return data[place + 8], data[place + 9]
            if kind in (b"PLTE", b"IDAT"):  # it has to come before these
                break
            place += 12 + length
    elif name in ("AVIF", "HEIF") and (found := NCLX.search(data[:BOXES_BYTES])):
        primaries, curve = struct.unpack(">HH", found[1])
        return primaries, curve
    return None


def profile_of_codes(primaries: int, curve: int) -> bytes | None:
    """An ICC profile; empty for sRGB, None for numbers that say nothing."""
    if primaries not in PRIMARIES:
        return None
    if primaries == 1 and curve in AS_SRGB:
        return b""
    if curve in HDR:
        return profile(PRIMARIES[primaries], HDR[curve])
    if curve in GAMMAS:
        return profile_of_gamma(PRIMARIES[primaries], GAMMAS[curve])
    return profile(PRIMARIES[primaries], srgb_light)


@lru_cache(16)
def profile_of_gamma(points: Points, gamma: float) -> bytes | None:
    """The same of a plain power."""
    return profile(points, lambda level: level**gamma)


@lru_cache(16)
def profile(points: Points, light_of: Callable[[float], float]) -> bytes | None:
    """An ICC profile of version 2 (ICC.1:2001-04): what light each level means, and of what colour.

    None where the points span no colours.
    """
    try:
        columns = _columns(points)
    except ZeroDivisionError:
        return None
    levels = [round(65535 * min(1.0, max(0.0, light_of(n / (STEPS - 1))))) for n in range(STEPS)]
    curve = struct.pack(f">4sII{STEPS}H", b"curv", 0, STEPS, *levels)
    tags = [
        (b"desc", struct.pack(">4sII1sII3x67x", b"desc", 0, 1, b"\0", 0, 0)),
        (b"cprt", struct.pack(">4sI4s", b"text", 0, b"\0")),
        (b"wtpt", _xyz(D50)),
        *((name, _xyz(column)) for name, column in zip(XYZ_TAGS, columns, strict=True)),
        *((name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")),
    ]
    place = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags:
        table += struct.pack(">4sII", name, place + len(body), len(content))
        body += content.ljust(-(-len(content) // 4) * 4, b"\0")
    size = 128 + len(table) + len(body)
    head = struct.pack(">I4xI4s4s4s12x4s28x3I48x", size, VERSION, *KIND, b"acsp", *_fixed(D50))
    return head + table + body


XYZ_TAGS = (b"rXYZ", b"gXYZ", b"bXYZ")
VERSION, KIND = 0x02400000, (b"mntr", b"RGB ", b"XYZ ")  # 2.4; a monitor's, RGB to XYZ


def srgb_light(level: float) -> float:
    """IEC 61966-2-1."""
    return level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4


def _pq(level: float) -> float:
    """SMPTE ST 2084."""
    power: float = level ** (1 / 78.84375)
    light = max(0.0, power - 0.8359375) / (18.8515625 - 18.6875 * power)
    return _on_a_screen(light ** (1 / 0.1593017578125) * PQ_NITS)


def _hlg(level: float) -> float:
    """Hybrid log-gamma (ITU-R BT.2100), on a screen of 1,000 candela."""
    light = (
        level**2 / 3 if level <= 0.5 else (exp((level - 0.55991073) / 0.17883277) + 0.28466892) / 12
    )
    return _on_a_screen(light**1.2 * BRIGHTEST_NITS)


def _on_a_screen(nits: float) -> float:
    """Light of a screen whose white is as bright as HDR's brightest: paper is half of it, and what
    shines lies above, by its logarithm. Chromium 156 differs by 5 of 255 levels at most."""
    light = nits / PAPER_NITS
    return light / 2 if light <= 1 else (1 + log(light) / log(BRIGHTEST_NITS / PAPER_NITS)) / 2


HDR = {PQ: _pq, HLG: _hlg}


def _columns(points: Points) -> list[Vector]:
    """XYZ of red, green and blue, as seen where D50 is white."""
    white, *colours = (_of_point(*points[n : n + 2]) for n in range(0, 8, 2))
    shares = _times(_inverse(_transposed(colours)), white)
    seen = [tuple(share * v for v in colour) for share, colour in zip(shares, colours, strict=True)]
    here, there = _times(BRADFORD, white), _times(BRADFORD, D50)
    return [
        _times(
            _inverse(BRADFORD),
            [c * t / h for c, t, h in zip(_times(BRADFORD, colour), there, here, strict=True)],
        )
        for colour in seen
    ]


def _of_point(x: float, y: float) -> Vector:
    return x / y, 1.0, (1 - x - y) / y


def _times(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> Vector:
    a, b, c = (sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix)
    return a, b, c


def _transposed(rows: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
    return list(zip(*rows, strict=True))


def _inverse(m: Sequence[Sequence[float]]) -> list[Vector]:
    (a, b, c), (d, e, f), (g, h, i) = m
    whole = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return [
        ((e * i - f * h) / whole, (c * h - b * i) / whole, (b * f - c * e) / whole),
        ((f * g - d * i) / whole, (a * i - c * g) / whole, (c * d - a * f) / whole),
        ((d * h - e * g) / whole, (b * g - a * h) / whole, (a * e - b * d) / whole),
    ]


def _xyz(vector: Sequence[float]) -> bytes:
    return struct.pack(">4sI3i", b"XYZ ", 0, *_fixed(vector))


def _fixed(vector: Sequence[float]) -> list[int]:
    return [max(-LARGEST, min(LARGEST, round(65536 * value))) for value in vector]
