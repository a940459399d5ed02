"""What the towers of a model take on this device, and when that is too much."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from edge_app.config import MiB
from edge_app.model.embed import Embedder
from edge_app.model.text import TextTower

RUNS = 3  # of which the median counts

IMAGE_S = 1.0  # longer, and 10,000 photos take more than three hours
TEXT_S = 2.0  # longer, and a search no longer feels as one
MEMORY_SHARE = 0.5  # of what is available: the rest is for vectors and decoding


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one tower: time of one input, and by how much it makes the process grow."""

    tower: str  # "image" or "text"
    seconds: float
    resident_bytes: int

    def warnings(self, available_bytes: int) -> Iterator[str]:
        """available_bytes: what was free before it was loaded."""
        advice = "choose a smaller model, or one made with --quantize dynamic (docs/words.md)"
        if self.tower == "image" and self.seconds > IMAGE_S:
            hours = self.seconds * 10_000 / 3600
            yield (
                f"the model takes {self.seconds:.1f} s for a photo on this device, {hours:.0f} "
                f"hours for 10,000 on one core; {advice}"
            )
        if self.tower == "text" and self.seconds > TEXT_S:
            yield (
                f"the text tower takes {self.seconds:.1f} s for a text on this device, over "
                f"{TEXT_S:g}; {advice}"
            )
        if self.resident_bytes > MEMORY_SHARE * available_bytes:
            yield (
                f"the {self.tower} tower takes {self.resident_bytes / MiB:.0f} MiB of "
                f"{available_bytes / MiB:.0f} that are available; {advice}"
            )


def image_cost(embedder: Embedder, resident_bytes: int) -> Cost:
    """resident_bytes: by how much loading it made the process grow."""
    size_px = embedder.card.input_size_px
    pixels = np.zeros((1, size_px, size_px, 3), np.uint8)
    return Cost("image", _median_s(lambda _: embedder.embed(pixels)), resident_bytes)


def text_cost(tower: TextTower) -> Cost:
    """Loads the tower; an EdgeAppError says what is wrong with it."""
    tower.vector("a photo")
    seconds = _median_s(lambda run: tower.vector(f"a photo of {run}"))  # one that is not kept
    return Cost("text", seconds, tower.resident_bytes)


def _median_s(work: Callable[[int], object]) -> float:
    took = []
    for run in range(RUNS):
        began = time.perf_counter()
        work(run)
        took.append(time.perf_counter() - began)
    return statistics.median(took)
