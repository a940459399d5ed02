"""A server for a long time, while photos come, change, move and go, and visitors look around.

    python -m benchmarks.load.soak --seconds 600

Answers are compared with a brute force in float64 over the vectors of the index. Ends with 1 if one
differs, if a status is wrong, if the log has a traceback, if memory or descriptors grow, if the
server does not stop, or if the index is damaged or not what the library is.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load.servers import Server, serving
from edge_app.config import Config, MiB
from edge_app.index.read.reader import Reader
from edge_app.index.repair.check import check
from edge_app.indexing.run import run_index
from tools.report import machine
from tools.testing.pictures import picture

PHOTOS = 60
VISITORS = 4
CHANGE_S, LOOK_S, COMPARE_S = 0.3, 0.05, 0.5  # between two of each
K = 20
SCORE_ERROR = 1.5e-7  # an answer has seven digits
GROWTH_BYTES, GROWTH_DESCRIPTORS = 64 * MiB, 32  # from after the first fifth to the end
EXPECTED = {200, 202, 206, 304, 404, 503}  # 404: what has just gone; 503: too many previews at once


@dataclass
class Soak:
    """What has been seen."""

    home: Path
    server: Server
    over: threading.Event = field(default_factory=threading.Event)
    statuses: Counter[int] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    faults: list[str] = field(default_factory=list)

    def ask(
        self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        """JSON of an answer, or None; its status is noted."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            method = "GET" if body is None else "POST"
            connection.request(method, path, body, {"X-Lookalike": "1", **(headers or {})})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        self.statuses[answer.status] += 1
        if answer.status not in EXPECTED:
            self.faults.append(f"{path}: {answer.status} {content[:200]!r}")
        if answer.status == 200 and answer.headers["Content-Type"] == "application/json":
            return json.loads(content)
        return None


def change(soak: Soak, chance: random.Random) -> None:
    """One photo comes, becomes another, moves, or goes."""
    library = soak.home / "library"
    photos = sorted(path for path in library.rglob("*.jpg"))
    kind = chance.choice(["new", "new", "replaced", "moved", "deleted"])
    if kind == "new" or len(photos) < PHOTOS // 2:
        path = library / chance.choice("abc") / f"{chance.randrange(10**6)}.jpg"
    elif len(photos) > 2 * PHOTOS:
        kind = "deleted"
    if kind in ("new", "replaced"):
        path = path if kind == "new" else chance.choice(photos)
        path.parent.mkdir(exist_ok=True)
        fresh = path.with_suffix(".part")
        picture(chance.randrange(10**6)).save(fresh, "JPEG")
        fresh.replace(path)
    elif kind == "moved":
        path = chance.choice(photos)
        path.rename(path.with_name(f"{chance.randrange(10**6)}.jpg"))
    else:
        chance.choice(photos).unlink()
    soak.changes[kind] += 1


def look(soak: Soak, chance: random.Random) -> None:
    """One visitor's next request."""
    page = soak.ask(f"/api/images?limit=50&sort={chance.choice(['name', '-date'])}")
    ids = [image["id"] for image in page["items"]] if page else []
    if not ids:
        return
    id = chance.choice(ids)
    form = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    wanted: list[Callable[[], object]] = [
        lambda: soak.ask(f"/thumbs/{id}"),
        lambda: soak.ask(f"/originals/{id}", headers={"Range": "bytes=10-99"}),
        lambda: soak.ask(f"/previews/{id}"),
        lambda: soak.ask(f"/api/images/{id}/similar?box=0.1,0.1,0.8,0.8"),
        lambda: soak.ask(f"/api/duplicates?min_score={chance.uniform(0.9, 1):.3f}"),
        lambda: soak.ask("/api/layout"),
        lambda: soak.ask("/metrics"),
        lambda: soak.ask(
            "/api/search",
            form + (soak.home / "upload.jpg").read_bytes() + b"\r\n--b--\r\n",
            {"Content-Type": "multipart/form-data; boundary=b"},
        ),
    ]
    chance.choice(wanted)()


def compare(soak: Soak, chance: random.Random) -> None:
    """One answer with a brute force, if nothing is committed meanwhile."""
    with Reader(soak.home / "index") as reader:
        before = soak.ask("/api/status")
        snapshot = reader.snapshot()
        rows = np.flatnonzero(snapshot.live)
        if not len(rows):
            return
        query = chance.choice(rows.tolist())
        id = int(snapshot.ids[query])
        answer = soak.ask(f"/api/images/{id}/similar?k={K}")
        after = soak.ask("/api/status")
        if not (before and answer and after) or before["revision"] != after["revision"]:
            return
        if reader.snapshot() is not snapshot:
            return
        vectors = np.asarray(snapshot.vectors).astype(np.float64)
        scores = (vectors[rows] * vectors[query]).sum(axis=1)
        found = [
            (-score, int(snapshot.ids[row]))
            for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
            if row != query
        ]
    expected = [(id, -score) for score, id in sorted(found)[:K]]
    given = [(item["id"], item["score"]) for item in answer["items"]]
    soak.compared += 1
    same_ids = [id for id, _ in given] == [id for id, _ in expected]
    near = all(abs(a[1] - b[1]) <= SCORE_ERROR for a, b in zip(given, expected, strict=False))
    if not (same_ids and near):
        soak.faults.append(f"image {id}: {given} is not {expected}")


def run(soak: Soak, seconds: float) -> None:
    """All of it at once, for so long."""

    def again(act: Callable[[Soak, random.Random], None], seed: int, pause_s: float) -> None:
        chance = random.Random(seed)
        while not soak.over.wait(pause_s):
            try:
                act(soak, chance)
            except Exception as error:  # the next one may be right
                if not soak.over.is_set():
                    soak.faults.append(f"{act.__name__}: {error!r}")

    acts = [(change, CHANGE_S), (compare, COMPARE_S), *[(look, LOOK_S)] * VISITORS]
    threads = [
        threading.Thread(target=again, args=(act, seed, pause_s))
        for seed, (act, pause_s) in enumerate(acts)
    ]
    for thread in threads:
        thread.start()
    soak.over.wait(seconds / 5)
    bytes_before, descriptors_before = soak.server.own_bytes, soak.server.descriptors
    soak.over.wait(seconds * 4 / 5)
    soak.over.set()
    for thread in threads:
        thread.join()
    grown = soak.server.own_bytes - bytes_before
    more = soak.server.descriptors - descriptors_before
    print(f"memory {grown / MiB:+.1f} MiB, descriptors {more:+d}")
    if grown > GROWTH_BYTES or more > GROWTH_DESCRIPTORS:
        soak.faults.append("memory or descriptors have grown")


def finish(soak: Soak, config: Config) -> None:
    """The index is sound, and after one more run what the library is."""
    soak.faults += [str(problem) for problem in check(config.index).problems]
    run_index(config)
    with Reader(config.index) as reader:
        indexed = {image.path for image in reader.page(limit=1000).items if not image.offline}
    files = {str(path.relative_to(config.gallery)) for path in config.gallery.rglob("*.jpg")}
    if indexed != files:
        soak.faults.append(f"index and library differ by {sorted(indexed ^ files)[:5]}")


def main() -> int:
    """Soak, tell what was seen, and end with 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--model", type=Path, default=Config().model)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home, model = Path(folder), options.model.resolve()
        (home / "library").mkdir()
        for number in range(PHOTOS):
            picture(number).save(home / f"library/{number}.jpg")
        picture(1).save(home / "upload.jpg")
        with (home / "log").open("w") as log:
            with serving(home, model, "--head-start", "60", ask="/healthz", log=log) as server:
                soak = Soak(home, server)
                run(soak, options.seconds)
            code = server.process.returncode
        if code:
            soak.faults.append(f"the server ended with {code}")
        told = (home / "log").read_text()
        if "Traceback" in told or "ERROR" in told:
            soak.faults.append(told[-2000:])
        finish(soak, Config(home / "library", home / "index", model))
    print(f"{options.seconds:.0f} s, {sum(soak.changes.values())} changes: {dict(soak.changes)}")
    print(f"{sum(soak.statuses.values())} answers: {dict(sorted(soak.statuses.items()))}")
    print(f"{soak.compared} compared with a brute force in float64. {machine()}.")
    for fault in soak.faults[:20]:
        print(f"WRONG: {fault}")
    print(f"{len(soak.faults)} wrong")
    return 1 if soak.faults or not soak.compared else 0


if __name__ == "__main__":
    sys.exit(main())
