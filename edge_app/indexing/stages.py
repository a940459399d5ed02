"""What an index run needs of those that decode and embed, and what they hand on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge_app.library.source import Elsewhere
from edge_app.photos.children.decode import Decoded
from edge_app.photos.children.pool import Job, Outcome


@dataclass(frozen=True, slots=True)
class Embedded:
    """The outcome of a photo that was decoded and embedded in one go, on another machine."""

    decoded: Decoded  # without its views
    vectors: npt.NDArray[np.float32]  # (views, dim), unit rows

    @property
    def content(self) -> bytes:
        return self.decoded.content


Result = Outcome | Embedded  # of a job
Answer = Result | Elsewhere  # the last: nobody has read it


class Embeds(Protocol):
    """What indexing needs of an `embed.Embedder`."""

    threads: int  # calls of `embed` that run at a time

    def embed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(n, s, s, 3) uint8 RGB → (n, dim) float32, unit rows."""


class Decodes(Protocol):
    """What indexing needs of a `pool.DecodePool`."""

    @property
    def local(self) -> Decodes | None:
        """Of those that read by themselves what is not on this machine, who decodes what they do
        not; None where originals are to be read for them."""

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Answer]]:
        """Each job with its outcome, in the order they are done; `jobs` is read lazily."""


class Machines(Decodes, Protocol):
    """Several machines that read, each what it can."""

    def counts(self) -> dict[str, int]:
        """Files that each has done, by its name."""
