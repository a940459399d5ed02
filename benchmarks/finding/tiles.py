"""Do tiles find photos in which the object is small?

    python -m benchmarks.finding.tiles --photos ../shared/photos/flowers --write docs/search.md

A quarter of the photos is pasted, each at a random place and one of three sizes, into another
quarter; the rest stays as it is. The query is the photo, the answer the scene it was pasted into.
"""

from __future__ import annotations

import argparse
import io
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_app.config import Limits
from edge_app.library.scan import scan
from edge_app.model.embed import Embedder
from edge_app.photos.children.decode import decode
from edge_app.photos.regions import TILES, WHOLE, Box
from tools.report import publish

Floats = NDArray[np.float32]


def paste(photo: bytes, scene: bytes, size: float, rng: random.Random) -> bytes:
    """A JPEG of the scene that holds the photo within `size` of its width and height."""
    whole = Image.open(io.BytesIO(scene)).convert("RGB")
    part = Image.open(io.BytesIO(photo)).convert("RGB")
    part.thumbnail((round(whole.width * size), round(whole.height * size)))
    place = rng.randint(0, whole.width - part.width), rng.randint(0, whole.height - part.height)
    whole.paste(part, place)
    data = io.BytesIO()
    whole.save(data, "JPEG", quality=90)
    return data.getvalue()


def embed(embedder: Embedder, images: list[bytes], boxes: Sequence[Box]) -> Floats:
    """(n, len(boxes), dim) float32, unit rows."""
    size_px = embedder.card.input_size_px
    shape = (len(boxes), size_px, size_px, 3)
    views = (decode(image, size_px, Limits(), boxes).views for image in images)
    return np.stack([embedder.embed(np.frombuffer(v, np.uint8).reshape(shape)) for v in views])


def recall_at_10(queries: Floats, library: Floats) -> float:
    """(n, dim) and (rows, v, dim): how many of query i find row i among the first ten."""
    scores = np.stack([(library @ query).max(axis=1) for query in queries])
    own = scores.diagonal()[:, np.newaxis]
    return float(((scores > own).sum(axis=1) < 10).mean())


def table(photos: Path, model: Path, sizes: Sequence[float]) -> str:
    """Markdown: recall@10 with and without tiles for each size."""
    embedder, rng = Embedder(model), random.Random(0)
    images = [(photos / file.path).read_bytes() for file in scan(photos).files]
    rng.shuffle(images)
    quarter = len(images) // 4
    pasted, scenes, rest = images[:quarter], images[quarter : 2 * quarter], images[2 * quarter :]
    queries = embed(embedder, pasted, [WHOLE])[:, 0]
    others = embed(embedder, rest, [WHOLE, *TILES])
    lines = [
        f"{quarter} composites among {len(rest)} other photos, model {embedder.card.name}, "
        f"{len(TILES)} tiles.",
        "",
        "| photo's share of the scene's sides | recall@10 without tiles | with tiles |",
        "|---|---|---|",
    ]
    for size in sizes:
        pairs = zip(pasted, scenes, strict=True)
        composites = [paste(photo, scene, size, rng) for photo, scene in pairs]
        library = np.concatenate([embed(embedder, composites, [WHOLE, *TILES]), others])
        without, tiled = recall_at_10(queries, library[:, :1]), recall_at_10(queries, library)
        lines.append(f"| {size:.1f} | {without:.3f} | {tiled:.3f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, or put it in its place in a document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.finding.tiles", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR")
    parser.add_argument("--model", type=Path, default=Path("models/mobilenet_v2.tflite"))
    parser.add_argument("--sizes", type=float, nargs="+", default=[0.3, 0.4, 0.5])
    parser.add_argument("--write", type=Path, metavar="FILE")
    options = parser.parse_args()
    publish("tiles", table(options.photos, options.model, options.sizes), options.write)


if __name__ == "__main__":
    main()
