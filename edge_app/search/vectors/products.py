"""Dot products of int8 codes: NumKong's kernels where they are installed, else NumPy.

NumKong's kernels read the codes at the speed of memory and let go of the interpreter meanwhile, so
threads share the rows. NumPy has no int8 product: it copies small blocks to float32 first.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from typing import Any

import numpy as np

from edge_app import memory
from edge_app.config import MiB
from edge_app.index.format.codes import Codes
from edge_app.search.vectors.peaks import BLOCK_ROWS, Floats, Hidden, Table

try:
    import numkong
except ImportError:  # no wheel for this system
    numkong = None  # type: ignore[assignment]
else:
    # NumKong 7.8.6 writes beyond its memory with SME: found by QEMU (tests/arm64). No Raspberry Pi
    # has these instructions.
    for _name in [name for name in numkong.get_capabilities() if name.startswith("sme")]:
        numkong.disable_capability(_name)

_libc = ctypes.CDLL(None)

_LEAST_BYTES = 2 * MiB  # of codes at a time: 0.1 ms of one thread, and waking another takes 0.03
_PACKED_BYTES = MiB // 4  # of products at a time: they stay in the cache until they are scaled
_BLOCK_ROWS = 256  # as float32 and 1280 wide this stays in a 2 MB cache: measured best of 16...1024

# The packed kernel takes four queries at a time. One alone is multiplied pair by pair, which reads
# ahead: 100,000 × 1280 take one thread 3.8 ms, and packed 6.8.
_PACKED_QUERIES = 4

# Those that NumKong has int8 kernels for, the best first. Without any of them its loop is not made
# of vector instructions, and 14 times slower than NumPy: on a Raspberry Pi before the 5, whose
# processors have no dot product.
_INSTRUCTIONS = ("sierra", "icelake", "alder", "skylake", "haswell", "svesdot", "neonsdot")


def instructions() -> str | None:
    """The set of vector instructions that multiply codes here; None where there is none."""
    if numkong is None:
        return None
    able = _capabilities()
    name = next((name for name in _INSTRUCTIONS if able.get(name)), None)
    return name if name and _is_right(name) else None


@cache
def _capabilities() -> dict[str, bool]:
    """Asking the processor takes 0.06 ms."""
    able: dict[str, bool] = numkong.get_capabilities()
    return able


@cache
def _is_right(name: str) -> bool:
    """Whether the kernels multiply with these instructions as integers do: a processor that nobody
    has tried may have others beside them, and a wrong product would be silent. Takes 0.1 ms."""
    codes = np.random.default_rng(1).integers(-127, 128, (67, 192), np.int8)
    alone = np.asarray(numkong.cdist(codes[:1], codes, "dot", out_dtype="f32"))
    packed = np.asarray(numkong.dots_packed(codes, numkong.dots_pack(codes[:5])))
    exact = codes.astype(np.int64) @ codes[:5].T.astype(np.int64)
    return np.array_equal(alone[0], exact[:, 0]) and np.array_equal(packed, exact)


def kernel() -> str:
    """What computes the products, such as "NumKong (icelake)"; the instructions in brackets."""
    name = instructions()
    return f"NumKong ({name})" if name else "NumPy"


def scaled_products(codes: Codes, scales: Floats, queries: Codes, hidden: Hidden | None) -> Table:
    """(rows, width) int8, (rows,) float32, (n, width) int8 -> the products of each query, times the
    scale of the row."""
    table = Table(len(queries), len(codes))
    multiply = _multiplier(queries)

    def part(start: int, end: int) -> None:
        rows = slice(start, end)
        multiply(codes[rows], scales[rows], table.values[:, rows])
        table.finish(start, end, hidden)

    _share(part, *codes.shape)
    return table


def _multiplier(queries: Codes) -> Callable[[Codes, Floats, Floats], None]:
    """What puts (n, rows) products of codes, times scales, into its third argument."""
    if not instructions():
        return partial(_multiply_by_numpy, queries.astype(np.float32))
    if len(queries) == 1:
        return partial(_multiply_one, queries)
    padded = np.zeros((max(_PACKED_QUERIES, len(queries)), queries.shape[1]), np.int8)
    padded[: len(queries)] = queries
    return partial(_multiply_packed, numkong.dots_pack(padded))


def _multiply_one(query: Codes, codes: Codes, scales: Floats, found: Floats) -> None:
    products = np.asarray(numkong.cdist(query, codes, "dot", out_dtype="f32"))
    np.multiply(products, scales, out=found)


def _multiply_packed(packed: Any, codes: Codes, scales: Floats, found: Floats) -> None:
    step = max(1, _PACKED_BYTES // (4 * max(_PACKED_QUERIES, len(found))))
    for start in range(0, len(codes), step):
        rows = slice(start, start + step)
        products = np.asarray(numkong.dots_packed(codes[rows], packed))[:, : len(found)]
        # Unsafe, says NumPy: float32 rounds integers of this size, by less than a bound allows for.
        np.multiply(
            products.T, scales[rows], out=found[:, rows], dtype=np.float32, casting="unsafe"
        )


def _multiply_by_numpy(queries: Floats, codes: Codes, scales: Floats, found: Floats) -> None:
    block = np.empty((min(_BLOCK_ROWS, len(codes)), codes.shape[1]), np.float32)
    for start in range(0, len(codes), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        part = block[: len(codes[rows])]
        np.copyto(part, codes[rows])
        if len(queries) == 1:
            np.dot(part, queries[0], out=found[0, rows])
        else:
            found[:, rows] = queries @ part.T
        found[:, rows] *= scales[rows]


def _share(part: Callable[[int, int], None], rows: int, row_bytes: int) -> None:
    """`part(start, end)` for all rows, in pieces that the threads take as they come: whoever has to
    wait for a core keeps nobody waiting."""
    threads = memory.default_threads()
    blocks = max(1, _LEAST_BYTES // max(1, row_bytes * BLOCK_ROWS))
    pieces = _pieces(rows, blocks * BLOCK_ROWS, threads)
    threads = min(threads, len(pieces))
    waiting = iter(pieces)

    def work() -> None:
        for start, end in waiting:  # the next of a list is one step of the interpreter: no lock
            part(start, end)

    cores = os.sched_getaffinity(0)

    def help() -> None:
        with suppress(OSError):  # the cores were taken away meanwhile
            os.sched_setaffinity(0, cores)
        work()

    pool, started = _pool()
    if threads > 1:
        _keep_off_this_core(started, cores)
    others = [pool.submit(help) for _ in range(threads - 1)]
    work()
    for other in others:
        if not other.cancel():
            other.result()


def _pieces(rows: int, least: int, threads: int) -> list[tuple[int, int]]:
    """All rows in ranges that begin at multiples of BLOCK_ROWS: each its thread's share of half the
    rows that are left, and `least` in the end. Every piece costs some waiting for the interpreter:
    1,000,000 × 256 took 13.0 ms in 62 pieces and takes 9.9 in 12."""
    pieces = []
    start = 0
    while start < rows:
        share = (rows - start) // (2 * threads) // BLOCK_ROWS * BLOCK_ROWS
        end = min(rows, start + max(least, share))
        pieces.append((start, end))
        start = end
    return pieces


@cache
def _pool() -> tuple[ThreadPoolExecutor, list[int]]:
    """The threads beside the caller's, and the ids of those that have been started."""
    started: list[int] = []
    pool = ThreadPoolExecutor(
        memory.default_threads(), "products", lambda: started.append(threading.get_native_id())
    )
    return pool, started


def _keep_off_this_core(threads: list[int], cores: set[int]) -> None:
    """Have these threads, which sleep now, woken on other cores: this one stays busy. Once awake
    they may go anywhere again, as where the others are busy with other programs.

    In a virtual machine Linux takes a core that sleeps for one that the host has taken away
    (vcpu_is_preempted), and often wakes a thread behind its waker: one core did all of every second
    search of 100,000 × 1280, which takes 4.9 ms now instead of 6.0.
    """
    with suppress(AttributeError, OSError):  # another C library; no core is left to them
        others = cores - {_libc.sched_getcpu()}
        for thread in threads:
            os.sched_setaffinity(thread, others)
