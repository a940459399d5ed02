"""One query, this project against other engines: the same vectors, queries and k in one run.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.speed.search --rows 100000 --dim 1280 --write docs/search.md

Each engine runs in a process of its own, one after another. It may use all cores; how many it keeps
busy is measured. Times are of single queries after two to warm up. Memory is what an engine holds
of its own after the queries: files it maps, the given vectors among them, belong to the page cache.
Answers are compared with a float64 brute force. An engine that is not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import multiprocessing
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_app.bench.vectors import clustered, make_index
from edge_app.index.read.reader import Reader
from edge_app.search.vectors.exact import similar
from tools.report import machine, private_bytes, publish

Floats = NDArray[np.float32]
CONTEXT = multiprocessing.get_context("spawn")  # no engine inherits another's threads
Query = Callable[[Floats], list[int]]  # a vector -> the rows found, best first
Engine = Callable[[Floats, int, Path], Query]  # vectors, k, an empty folder -> an index


def product(vectors: Floats, k: int, folder: Path) -> Query:
    """The floor: `V @ q` with nothing done to the scores but finding the k largest."""

    def query(vector: Floats) -> list[int]:
        scores = vectors @ vector
        best = np.argpartition(scores, -k)[-k:]
        return best[np.argsort(-scores[best])].tolist()  # type: ignore[no-any-return]

    return query


def this_project(vectors: Floats, k: int, folder: Path) -> Query:
    """Built and committed by another process, then read as the server does."""
    index = folder / "index"
    builder = CONTEXT.Process(target=make_index, args=(index, vectors))
    builder.start()
    builder.join()
    snapshot = Reader(index).snapshot()
    assert snapshot.ids[0] == 1, "ids count rows from 1"
    return lambda vector: [match.id - 1 for match in similar(snapshot, vector, k)]


def faiss_flat(vectors: Floats, k: int, folder: Path) -> Query:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return lambda vector: index.search(vector[None], k)[1][0].tolist()


def faiss_sq8(vectors: Floats, k: int, folder: Path) -> Query:
    import faiss

    dim = vectors.shape[1]
    metric = faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit, metric)
    index.train(vectors[:: max(1, len(vectors) // 10_000)].copy())
    index.add(vectors)
    return lambda vector: index.search(vector[None], k)[1][0].tolist()


def usearch_int8(vectors: Floats, k: int, folder: Path) -> Query:
    from usearch.index import MetricKind, search

    codes = np.rint(vectors * (127 / np.abs(vectors).max())).astype(np.int8)

    def query(vector: Floats) -> list[int]:
        code = np.rint(vector * (127 / np.abs(vector).max())).astype(np.int8)
        found = search(codes, code, k, MetricKind.Cos, exact=True, threads=0)
        return found.keys.tolist()  # type: ignore[no-any-return]

    return query


def usearch_exact(vectors: Floats, k: int, folder: Path) -> Query:
    from usearch.index import MetricKind, search

    def query(vector: Floats) -> list[int]:
        found = search(vectors, vector, k, MetricKind.IP, exact=True, threads=0)
        return found.keys.tolist()  # type: ignore[no-any-return]

    return query


def lancedb_flat(vectors: Floats, k: int, folder: Path) -> Query:
    import lancedb
    import pyarrow

    flat = pyarrow.FixedSizeListArray.from_arrays(vectors.ravel(), vectors.shape[1])
    table = pyarrow.table({"row": np.arange(len(vectors)), "vector": flat})
    rows = lancedb.connect(folder).create_table("rows", table)

    def query(vector: Floats) -> list[int]:
        found = rows.search(vector).distance_type("dot").limit(k).select(["row", "_distance"])
        return found.to_arrow()["row"].to_pylist()  # type: ignore[no-any-return]

    return query


def sqlite_vec(vectors: Floats, k: int, folder: Path) -> Query:
    import pysqlite3  # many a Python is built without the loading of extensions
    import sqlite_vec

    connection = pysqlite3.connect(folder / "vectors.db")
    connection.enable_load_extension(True)
    sqlite_vec.load(connection)
    connection.execute(
        f"CREATE VIRTUAL TABLE v USING vec0(e float[{vectors.shape[1]}] distance_metric=cosine)"
    )
    with connection:
        numbered = ((row, vector.tobytes()) for row, vector in enumerate(vectors))
        connection.executemany("INSERT INTO v(rowid, e) VALUES (?, ?)", numbered)

    def query(vector: Floats) -> list[int]:
        found = connection.execute(
            "SELECT rowid FROM v WHERE e MATCH ? AND k = ? ORDER BY distance", (vector.tobytes(), k)
        )
        return [row for (row,) in found]

    return query


def pgvector(vectors: Floats, k: int, folder: Path) -> Query:
    """In a server of its own, with all of its defaults but one: rows as long as these would be kept
    in pieces, and are put together for each comparison."""
    import pgserver
    import psycopg

    dim = vectors.shape[1]
    server = pgserver.get_server(folder)
    connection = psycopg.connect(server.get_uri(), autocommit=True)
    connection.execute("CREATE EXTENSION vector")
    connection.execute(f"CREATE TABLE v (row int, e vector({dim}))")
    connection.execute("ALTER TABLE v ALTER e SET STORAGE PLAIN")
    with connection.cursor().copy("COPY v FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for row, vector in enumerate(vectors):
            # Two fields: the number, and the vector as pgvector's vector_recv() reads it.
            start = struct.pack(">hiiihh", 2, 4, row, 4 + 4 * dim, dim, 0)
            copy.write(start + vector.astype(">f4").tobytes())
        copy.write(struct.pack(">h", -1))
    connection.execute("ANALYZE v")

    def query(vector: Floats) -> list[int]:
        text = f"[{','.join(map(str, vector.tolist()))}]"
        found = connection.execute("SELECT row FROM v ORDER BY e <#> %s LIMIT %s", (text, k))
        _ = server  # it ends with the last that holds it
        return [row for (row,) in found]

    return query


def hnswlib_approximate(vectors: Floats, k: int, folder: Path) -> Query:
    import hnswlib

    index = hnswlib.Index("ip", vectors.shape[1])
    index.init_index(len(vectors), ef_construction=100, M=16, random_seed=0)
    index.add_items(vectors)
    index.set_ef(2 * k)
    return lambda vector: index.knn_query(vector, k)[0][0].tolist()


OUTSIDE = {pgvector}  # these compute in processes of their own, which are not measured

ENGINES: dict[str, tuple[Engine, str]] = {  # name -> the engine and the package it comes from
    "`V @ q`, then the k largest": (product, "numpy"),
    "**this project**": (this_project, "numkong"),
    "FAISS IndexFlatIP": (faiss_flat, "faiss-cpu"),
    "FAISS SQ8, approximate": (faiss_sq8, "faiss-cpu"),
    "usearch, exact float32": (usearch_exact, "usearch"),
    "usearch, int8, approximate": (usearch_int8, "usearch"),
    "LanceDB, flat": (lancedb_flat, "lancedb"),
    "sqlite-vec": (sqlite_vec, "sqlite-vec"),
    "pgvector 0.6.2, sequential": (pgvector, "pgserver"),
    "hnswlib, M 16, ef 100 and 2k, approximate": (hnswlib_approximate, "hnswlib"),
}


@dataclass(frozen=True)
class Trial:
    """What one engine did."""

    version: str
    build_s: float
    memory_mb: str  # "–" where another process computes
    times_ms: list[float]
    busy_cores: str  # processor time by time
    answers: list[list[int]]


def attempt(name: str, file: Path, queries: Floats, k: int, results: Connection) -> None:
    """Send the Trial of one engine, or the reason why there is none."""
    engine, package = ENGINES[name]
    try:
        version = importlib.metadata.version(package)
        vectors = np.load(file, mmap_mode="r")
        with tempfile.TemporaryDirectory() as folder:
            before_bytes, start = private_bytes(), time.perf_counter()
            query = engine(vectors, k, Path(folder))
            build_s = time.perf_counter() - start
            for vector in queries[:2]:
                query(vector)
            times_ms, answers, cpu_s = [], [], time.process_time()
            for vector in queries:
                start = time.perf_counter()
                answers.append(query(vector))
                times_ms.append(1000 * (time.perf_counter() - start))
            busy_cores = 1000 * (time.process_time() - cpu_s) / sum(times_ms)
            memory_mb = (private_bytes() - before_bytes) / 1e6
            told = ("–", "–") if engine in OUTSIDE else (f"{memory_mb:.0f}", f"{busy_cores:.1f}")
            results.send(Trial(version, build_s, told[0], times_ms, told[1], answers))
    except ImportError as error:
        results.send(str(error))


def recall(vectors: Floats, queries: Floats, answers: list[list[int]], k: int) -> float:
    """The part of the answers that score what the k-th best by a float64 brute force does."""
    scores = np.concatenate(
        [block.astype(np.float64) @ queries.T for block in np.array_split(vectors, 100)]
    ).T
    kth = np.partition(scores, -k, axis=1)[:, -k] - 1e-12  # what float64 itself rounds away
    hits = sum(int((scores[n, rows] >= kth[n]).sum()) for n, rows in enumerate(answers))
    return hits / (k * len(queries))


def table(rows: int, dim: int, k: int, count: int) -> str:
    """Markdown: a line about the run, then one an engine."""
    lines = [
        f"{rows:,} × {dim} clustered vectors, k = {k}, {count} queries one after another. "
        f"{machine()}.",
        "",
        "| engine | version | p50 ms | p95 ms | busy cores | recall | build s | own memory MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "vectors.npy"
        vectors = clustered(rows, dim)
        np.save(file, vectors)
        rng = np.random.default_rng(1)
        queries = vectors[rng.integers(0, rows, count)] + 0.01 * rng.standard_normal((count, dim))
        queries = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
        for name in ENGINES:
            here, there = CONTEXT.Pipe(duplex=False)
            process = CONTEXT.Process(target=attempt, args=(name, file, queries, k, there))
            process.start()
            there.close()
            trial = here.recv()
            process.join()
            if isinstance(trial, str):
                lines.append(f"| {name} | not run: {trial} | | | | | | |")
            else:
                exact = recall(vectors, queries, trial.answers, k)
                lines.append(
                    f"| {name} | {trial.version} | {np.percentile(trial.times_ms, 50):.1f} | "
                    f"{np.percentile(trial.times_ms, 95):.1f} | {trial.busy_cores} | "
                    f"{exact:.4f} | {trial.build_s:.1f} | {trial.memory_mb} |"
                )
            print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def main() -> None:
    """Print the table, or put it in its place in a document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.search", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=1280)
    parser.add_argument("--k", type=int, default=50)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--write", type=Path, metavar="FILE")
    options = parser.parse_args()
    publish(
        f"search-{options.rows}x{options.dim}",
        table(options.rows, options.dim, options.k, options.queries),
        options.write,
    )


if __name__ == "__main__":
    main()
