"""What a machine of a cluster does with the photos that it sees: tasks that a client sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from edge_app import VERSION
from edge_app.config import Config
from edge_app.errors import DecodeError, EdgeAppError, NotFoundError
from edge_app.indexing.images import pixels_of
from edge_app.indexing.reading import Reads
from edge_app.indexing.stages import Embedded
from edge_app.library.scan import FoundFile
from edge_app.library.source import Elsewhere, InFolder, fingerprint_at
from edge_app.library.sources import library_of
from edge_app.memory import default_workers
from edge_app.model.card import ModelIdentity
from edge_app.model.embed import Embedder
from edge_app.photos.children.decode import Decoded
from edge_app.photos.children.pool import DECODERS, DecodePool, Job, Same
from edge_app.photos.regions import Box

TASKS = 2  # at a time: while one ends, the other keeps the processors busy


class Wanted(NamedTuple):
    """One photo that a client asks for."""

    path: str
    size_bytes: int
    known: bytes | None  # a fingerprint: a file that has it is not decoded


Done = Embedded | Same | DecodeError | None  # None: this machine does not see the file


@dataclass(frozen=True, slots=True)
class Expected:
    """What a machine must agree with before it may work."""

    version: str
    model: ModelIdentity
    samples: Mapping[str, bytes]  # fingerprints of some photos, by path


class Node:
    """The photos, the model and the decoders of this machine; safe to use from several threads."""

    def __init__(self, config: Config) -> None:
        self.library, self.limits = library_of(config), config.limits
        self.library.check()
        self.embedder = Embedder.of(config)
        card = self.embedder.card
        children = max(1, (config.workers or default_workers(config.limits)) // TASKS)
        decoder = DECODERS[card.preprocess]
        self.pool = DecodePool(card.input_size_px, config.limits, children, decoder=decoder)

    def close(self) -> None:
        self.pool.close()

    def refusal(self, expected: Expected) -> str | None:
        """Why this machine may not work for a client, None if it may."""
        if expected.version != VERSION:
            return f"it runs version {VERSION}, and {expected.version} is wanted"
        if self.embedder.identity != expected.model:
            return (
                f"it has the model {self.embedder.identity.name} "
                f"({self.embedder.identity.sha256[:12]}…, {self.embedder.identity.runtime}), and "
                f"{expected.model.name} ({expected.model.sha256[:12]}…, "
                f"{expected.model.runtime}) is wanted"
            )
        seen = 0
        for path, content in expected.samples.items():
            try:
                same = fingerprint_at(self.library, path) == content
            except EdgeAppError:
                continue  # it may see a part of the library
            if not same:
                return f"it sees another library: its {path} has other bytes"
            seen += 1
        if expected.samples and not seen:
            return f"it sees none of the photos, such as {next(iter(expected.samples))}"
        return None

    def embed(self, files: Sequence[Wanted], boxes: tuple[Box, ...]) -> list[Done]:
        """Each photo decoded and embedded, in the order given; what is elsewhere is read here."""
        done: list[Done] = [None] * len(files)
        found = [FoundFile(file.path, file.size_bytes, mtime_ns=0) for file in files]
        places = {file.path: number for number, file in enumerate(files)}

        def job_of(file: FoundFile, source: InFolder | bytes | Elsewhere) -> Job:
            return Job(file, source, boxes, files[places[file.path]].known)

        size_px = self.embedder.card.input_size_px
        for file, outcome in Reads(self.library, self.limits, {}).outcomes(
            self.pool, found, job_of
        ):
            if isinstance(outcome, NotFoundError):
                continue
            if isinstance(outcome, Decoded):
                vectors = self.embedder.embed(pixels_of(outcome, size_px))
                done[places[file.path]] = Embedded(replace(outcome, views=b""), vectors)
            else:
                done[places[file.path]] = outcome
        return done


class _Here:
    """The node of this process; tasks come without one."""

    node: Node | None = None


def become(node: Node) -> None:
    """Make this process's node the one that tasks use."""
    _Here.node = node


def refusal(expected: Expected) -> str | None:
    """Task: see `Node.refusal`."""
    return (
        "it sees no photos (worker --gallery)"
        if _Here.node is None
        else _Here.node.refusal(expected)
    )


def embed(files: Sequence[Wanted], boxes: tuple[Box, ...]) -> tuple[str, list[Done]]:
    """Task: this machine's address, and see `Node.embed`."""
    from distributed import get_worker

    assert _Here.node is not None, "refused before"
    return get_worker().address, _Here.node.embed(files, boxes)
