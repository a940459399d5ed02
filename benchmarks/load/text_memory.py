"""Whether a model with two towers serves and searches under a memory limit: photos and texts.

    sudo python -m benchmarks.load.text_memory models/tinyclip.tflite=512 models/b32.tflite=1024 \\
        --write docs/words.md

100,000 photos are in the index. `serve` runs in a cgroup with one core and no swap, and answers
pages, searches by photo and by text, each text a new one. Random weights will do.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.load import small_memory
from benchmarks.load.small_memory import ON_A_PAGE, PAGE, Visits, make_library, serving, took_ms
from edge_app.config import Config, MiB
from edge_app.model.card import ModelCard
from tools.report import machine, markdown, publish
from tools.testing.cgroup import Group, forget, memory_limit

WORDS = "dog cat child sea snow mountain house car old red small two night garden train".split()
WORDS_OF_A_TEXT = 5


def text_ms(port: int, seen: Visits, text: str) -> float:
    """How long a search for a text takes; an answer without matches is an error too."""
    headers = {"Content-Type": "application/json", "X-Lookalike": "1"}
    body = json.dumps({"text": text, "k": 20})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    start_s = time.perf_counter()
    try:
        connection.request("POST", "/api/search", body, headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
    finally:
        connection.close()
    seen.errors += answer.status != 200 or not found["items"]
    return 1000 * (time.perf_counter() - start_s)


def tower_bytes(port: int) -> int:
    """What /metrics says of the text tower."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    finally:
        connection.close()
    return int(
        next(float(line.split()[1]) for line in lines if line.startswith("lookalike_text_tower"))
    )


def visit(
    config: Config, group: Group | None, rows: int, searches: int
) -> tuple[Visits, list[float], int]:
    """What was seen, the time of each search by text, and the memory of the tower."""
    seen, chance = Visits(), random.Random(0)
    texts_ms = []
    with serving(config, group, "--no-watch") as port:
        for _ in range(searches):
            ids = [chance.randrange(1, rows + 1) for _ in range(ON_A_PAGE + 1)]
            paths = [*PAGE, *(f"/thumbs/{id}" for id in ids[1:])]
            seen.page_ms.append(took_ms(port, seen, *paths))
            seen.search_ms.append(took_ms(port, seen, f"/api/images/{ids[0]}/similar?k=20"))
            text = " ".join(chance.choices(WORDS, k=WORDS_OF_A_TEXT))
            texts_ms.append(text_ms(port, seen, text))
        grown_bytes = tower_bytes(port)
        if group:
            seen.own_bytes = group.own_bytes
    if group:
        seen.peak_bytes, seen.kills = group.peak_bytes, group.kills
    return seen, texts_ms, grown_bytes


def table(limits: dict[Path, int], rows: int, searches: int) -> str:
    """Markdown: each model under its limit, in MiB."""
    small_memory.THUMBNAIL_BYTES = 2000  # thumbnails are on the disk, and no part of this
    lines = []
    for model, limit_mib in limits.items():
        with tempfile.TemporaryDirectory() as folder:
            config = Config(Path(folder, "library"), Path(folder, "index"), model.resolve())
            make_library(config, rows)
            forget(config.index)
            with memory_limit(limit_mib * MiB) as group:
                if group is None:
                    raise SystemExit("no cgroup may be made here; run as root")
                seen, texts_ms, grown_bytes = visit(config, group, rows, searches)
        if seen.kills or seen.errors:
            raise SystemExit(f"{model} under {limit_mib} MiB: {seen}")
        first_ms, *others_ms = texts_ms
        lines.append(
            [
                model.stem,
                f"{limit_mib} MiB",
                " / ".join(f"{ms:,.0f}" for ms in np.percentile(seen.search_ms, [50, 95])),
                f"{first_ms:,.0f}",
                " / ".join(f"{ms:,.0f}" for ms in np.percentile(others_ms, [50, 95])),
                f"{grown_bytes / MiB:.0f} MiB",
                f"{seen.own_bytes / MiB:.0f} MiB",
                f"{seen.peak_bytes / MiB:.0f} MiB",
                str(seen.kills),
            ]
        )
    head = (
        "model", "limit", "photo search ms, p50 / p95", "first text ms", "text ms, p50 / p95",
        "text tower", "processes at the end", "peak with page cache", "kills",
    )  # fmt: skip
    dims = {ModelCard.load(model).dim for model in limits}
    about = f"{rows:,} photos of {', '.join(map(str, dims))} numbers, one core, no swap."
    return "\n".join([f"{about} {machine()}.", "", *markdown(head, lines)])


def _limit(text: str) -> tuple[Path, int]:
    file, _, limit_mib = text.rpartition("=")
    return Path(file), int(limit_mib)


def main() -> None:
    """Print the table, or put it in its place in a document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.text_memory")
    parser.add_argument("models", nargs="+", type=_limit, metavar="MODEL=MIB")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=40)
    parser.add_argument("--write", type=Path, metavar="FILE")
    options = parser.parse_args()
    found = table(dict(options.models), options.rows, options.searches)
    publish("text-memory", found, options.write)


if __name__ == "__main__":
    main()
