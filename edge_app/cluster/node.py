"""What a machine of a cluster does with the photos that it sees: tasks that a client sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from edge_app import VERSION
from edge_app.cluster.failures import Failed, line_of
from edge_app.config import Config
from edge_app.errors import DecodeError, EdgeAppError, NotFoundError, UnreadableError
from edge_app.indexing.reading import Reads
from edge_app.indexing.stages import Embedded
from edge_app.library.scan import FoundFile
from edge_app.library.source import Elsewhere, InFolder, fingerprint_at
from edge_app.library.sources import library_of
from edge_app.memory import default_workers
from edge_app.model.card import ModelIdentity
from edge_app.model.embed import Embedder, pixels_of
from edge_app.photos.children.decode import Decoded
from edge_app.photos.children.pool import DECODERS, DecodePool, Job, Same
from edge_app.photos.reading.lacks import needs_more
from edge_app.photos.regions import Box

TASKS = 2  # at a time: while one ends, the other keeps the processors busy


class Wanted(NamedTuple):
    """One photo that a client asks for."""

    path: str
    size_bytes: int
    known: bytes | None  # a fingerprint: a file that has it is not decoded


# None: this machine can't say, another one may. DecodeError: it finds no picture in the file.
Done = Embedded | Same | DecodeError | None


@dataclass(frozen=True, slots=True)
class Expected:
    """What a machine must agree with before it may work."""

    version: str
    model: ModelIdentity
    samples: Mapping[str, bytes]  # fingerprints of some photos, by path


class Refusal(NamedTuple):
    """Why a machine may not work for a client."""

    reason: str
    for_good: bool = True  # False: it may see the photos that come later


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

    def stop(self) -> None:
        """End what is being decoded; from any thread."""
        self.pool.stop()

    def close(self) -> None:
        self.pool.close()

    def refusal(self, expected: Expected) -> Refusal | None:
        """Why this machine may not work for a client, None if it may."""
        if expected.version != VERSION:
            return Refusal(f"it runs version {VERSION}, and {expected.version} is wanted")
        if self.embedder.identity != expected.model:
            return Refusal(
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
                return Refusal(f"it sees another library: its {path} has other bytes")
            seen += 1
        if expected.samples and not seen:
            some = next(iter(expected.samples))
            return Refusal(f"it sees none of the photos, such as {some}", for_good=False)
        return None

    def embed(self, files: Sequence[Wanted], boxes: tuple[Box, ...]) -> list[Done]:
        """Each photo decoded and embedded, in the order given; what is elsewhere is read here."""
        done: list[Done] = [None] * len(files)
        places = {file.path: number for number, file in enumerate(files)}
        found = [
            FoundFile(file.path, file.size_bytes, mtime_ns=0)
            for file in files
            if self._is_meant(file)
        ]

        def job_of(file: FoundFile, source: InFolder | bytes | Elsewhere) -> Job:
            return Job(file, source, boxes, files[places[file.path]].known)

        size_px = self.embedder.card.input_size_px
        for file, outcome in Reads(self.library, self.limits, {}).outcomes(
            self.pool, found, job_of
        ):
            if isinstance(outcome, NotFoundError) or _may_be_read_elsewhere(outcome):
                continue
            if isinstance(outcome, Decoded):
                vectors = self.embedder.embed(pixels_of(outcome.views, size_px))
                done[places[file.path]] = Embedded(replace(outcome, views=b""), vectors)
            else:
                done[places[file.path]] = outcome
        return done

    def _is_meant(self, file: Wanted) -> bool:
        """Whether the file is as long here as where it was found: this may be an older copy."""
        try:
            if not self.library.is_here(file.path):
                return True  # of the same bucket
            place = self.library.to_decode(file.path, file.size_bytes)
            assert isinstance(place, InFolder), "it is here"
            return (Path(place.root) / place.path).lstat().st_size == file.size_bytes
        except (EdgeAppError, OSError):
            return False


class _Here:
    """The node of this process; tasks come without one."""

    node: Node | None = None


def become(node: Node | None) -> None:
    """Make this process's node the one that tasks use."""
    _Here.node = node


def refusal(expected: Expected) -> Refusal | None:
    """Task: see `Node.refusal`."""
    return (
        Refusal("it sees no photos (worker --gallery)")
        if _Here.node is None
        else _Here.node.refusal(expected)
    )


def embed(files: Sequence[Wanted], boxes: tuple[Box, ...]) -> tuple[str, list[Done] | Failed]:
    """Task: this machine's address, and see `Node.embed`."""
    from distributed import get_worker

    assert _Here.node is not None, "refused before"
    address: str = get_worker().address
    try:
        return address, _Here.node.embed(files, boxes)
    except Exception as error:  # whoever asked has to know whose it is
        return address, Failed(line_of(error))


def _may_be_read_elsewhere(outcome: object) -> bool:
    """Whether another machine may have the memory, the rights or the package that are missing."""
    return isinstance(outcome, UnreadableError) or (
        isinstance(outcome, DecodeError) and needs_more(outcome.lacks)
    )
