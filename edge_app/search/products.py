"""Dot products of int8 codes: NumKong's kernels where they are installed, else NumPy.

NumKong's kernels read the codes at the speed of memory and let go of the interpreter meanwhile, so
threads share the rows. NumPy has no int8 product: it copies small blocks to float32 first.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from edge_app import memory
from edge_app.config import MiB
from edge_app.index.format.codes import Codes

try:
    import numkong
except ImportError:  # no wheel for this system
    numkong = None  # type: ignore[assignment]

Floats = NDArray[np.float32]

_PIECE_BYTES = 4 * MiB  # of codes: 0.2 ms of one thread, and waking another takes 0.03
_PACKED_BYTES = MiB // 4  # of products a block: they stay in the cache until they are scaled
_BLOCK_ROWS = 256  # as float32 and 1280 wide this stays in a 2 MB cache: measured best of 16...1024


# Those that NumKong has int8 kernels for, the best first. Without any of them its loop is not made
# of vector instructions, and 14 times slower than NumPy: on a Raspberry Pi before the 5, whose
# processors have no dot product.
_INSTRUCTIONS = ("sierra", "icelake", "alder", "skylake", "haswell", "svesdot", "neonsdot")


def instructions() -> str | None:
    """The set of vector instructions that multiply codes here; None where there is none."""
    if numkong is None:
        return None
    able = numkong.get_capabilities()
    return next((name for name in _INSTRUCTIONS if able.get(name)), None)


def kernel() -> str:
    """What computes the products, such as "NumKong (icelake)"; the instructions in brackets."""
    name = instructions()
    return f"NumKong ({name})" if name else "NumPy"


def scaled_products(codes: Codes, scales: Floats, queries: Codes) -> Floats:
    """(rows, width) int8, (rows,) float32, (n, width) int8 -> (n, rows) float32: the products,
    times the scale of the row."""
    found = np.empty((len(queries), len(codes)), np.float32)
    if not instructions():
        _fill_by_numpy(codes, scales, queries, found)
        return found
    fill = _fill_one if len(queries) == 1 else _fill_packed

    def part(start: int, end: int) -> None:
        fill(codes[start:end], scales[start:end], queries, found[:, start:end])

    _share(part, len(codes), max(1, codes.shape[1]))
    return found


def _fill_one(codes: Codes, scales: Floats, query: Codes, found: Floats) -> None:
    # 100,000 × 1280 in one thread: 4.0 ms; packed it would be 6.5, and so it is for two to four.
    products = np.asarray(numkong.cdist(query, codes, "dot", out_dtype="f32"))
    np.multiply(products, scales, out=found)


def _fill_packed(codes: Codes, scales: Floats, queries: Codes, found: Floats) -> None:
    packed = numkong.dots_pack(queries)
    step = max(1, _PACKED_BYTES // (4 * len(queries)))
    for start in range(0, len(codes), step):
        rows = slice(start, start + step)
        products = np.asarray(numkong.dots_packed(codes[rows], packed))
        np.multiply(products.T, scales[rows], out=found[:, rows], casting="same_kind")


def _fill_by_numpy(codes: Codes, scales: Floats, queries: Codes, found: Floats) -> None:
    wide = queries.astype(np.float32)
    block = np.empty((min(_BLOCK_ROWS, len(codes)), codes.shape[1]), np.float32)
    for start in range(0, len(codes), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        part = block[: len(codes[rows])]
        np.copyto(part, codes[rows])
        if len(wide) == 1:
            np.dot(part, wide[0], out=found[0, rows])
        else:
            found[:, rows] = wide @ part.T
        found[:, rows] *= scales[rows]


def _share(part: Callable[[int, int], None], rows: int, row_bytes: int) -> None:
    """`part(start, end)` for all rows, in pieces that the threads take as they come: whoever has to
    wait for a core keeps nobody waiting."""
    step = max(1, _PIECE_BYTES // row_bytes)
    pieces = iter(range(0, rows, step))

    def work() -> None:
        for start in pieces:  # the next of a range is one step of the interpreter: no lock
            part(start, min(start + step, rows))

    threads = min(memory.default_threads(), -(-rows // step))
    others = [_pool().submit(work) for _ in range(threads - 1)]
    work()
    for other in others:
        if not other.cancel():
            other.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(memory.default_threads(), "products")
