"""Searches a made-up index by codes and by vectors and prints what was found, as JSON: the same on
every processor, whichever kernel multiplies. Needs no more than the program does."""

from __future__ import annotations

import json
from typing import Any, cast

from edge_app.bench.vectors import clustered
from edge_app.index.read.snapshot import Snapshot
from edge_app.search.vectors import bounds, products
from edge_app.search.vectors.exact import similar_many
from tests.columns import Columns

ROWS, K = 1500, 20
DIMS = (100, 256, 1280)


def search() -> dict[str, Any]:
    """Which kernel there is, and (id, score) of the answers in both ways."""
    found = {}
    for by_codes in (True, False):
        bounds.reads_codes = lambda snapshot, by_codes=by_codes: by_codes  # type: ignore[misc]
        for dim in DIMS:
            snapshot = cast(Snapshot, Columns(clustered(ROWS, dim)))
            for count in (1, 7):
                answers = similar_many(snapshot, snapshot.vectors[:count], K)
                found[f"{by_codes} {dim} {count}"] = [
                    [match.id, match.score] for matches in answers for match in matches
                ]
    return {"kernel": products.kernel(), "found": found}


def difference(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """How far the scores of two are apart; they found the same images in the same order."""
    pairs: list[tuple[Any, Any]] = []
    for key, matches in ours["found"].items():
        assert [id for id, _ in matches] == [id for id, _ in theirs["found"][key]], key
        pairs += zip(matches, theirs["found"][key], strict=True)
    return max(abs(float(a - b)) for (_, a), (_, b) in pairs)


if __name__ == "__main__":
    print(json.dumps(search()))
