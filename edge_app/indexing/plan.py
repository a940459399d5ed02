"""What a run has to do, how far it is, and what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from edge_app.errors import LibraryError
from edge_app.index.format.records import Known, RejectedRecord
from edge_app.index.write.batch import Noted
from edge_app.indexing.lost import Away
from edge_app.library.pairs import paired
from edge_app.library.scan import FoundFile, LeftOut, Scan


@dataclass(frozen=True, slots=True)
class Skipped:
    """What a run passed over though it may be photos."""

    # Links to folders; folders with .nomedia or .noindex; what a glob names; names that are no
    # plain paths; what can't be read now.
    reason: LeftOut
    count: int  # of links, folders, or files and folders
    example: str | None  # a path


@dataclass(slots=True)
class IndexReport:
    """What one run did, in files; `added + updated + moved + rejected + unchanged` is all found."""

    added: int = 0
    updated: int = 0
    moved: int = 0  # same content under another name or time: the row was kept
    removed: int = 0
    offline: int = 0  # in the index, not found, and kept
    rejected: int = 0  # can't be used, found so now or in an earlier run
    unchanged: int = 0
    imported: int = 0  # of the unchanged: their rows were taken over from another index before
    seconds: float = 0.0
    images_per_s: float = 0.0
    skipped: list[Skipped] = field(default_factory=list)
    away: list[Away] = field(default_factory=list)  # drives that are not there
    unreachable: dict[str, str] = field(default_factory=dict)  # sources by name, and why

    @property
    def found(self) -> int:
        """Image files seen below the library root."""
        return self.added + self.updated + self.moved + self.rejected + self.unchanged

    def as_json(self) -> dict[str, Any]:
        """The object `index --json` ends with."""
        return {
            key: round(value, 3) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; `done` counts committed files only."""

    state: str  # "scanning", "importing" or "indexing"
    done: int = 0
    total: int = 0
    images_per_s: float = 0.0
    offline: dict[str, str] = field(default_factory=dict)  # why a source can't be reached, by name
    machines: dict[str, int] = field(default_factory=dict)  # files that each of a cluster has done

    @property
    def eta_s(self) -> float | None:
        """Seconds left at the present rate, None while there is none."""
        return (self.total - self.done) / self.images_per_s if self.images_per_s else None

    def as_json(self) -> dict[str, Any]:
        """The object `progress` of `index --json`, and `indexing` of /api/status."""
        told = asdict(self) | {"eta_s": self.eta_s}
        if not self.machines:
            del told["machines"]
        return told


@contextmanager
def offline_told(on_progress: Callable[[Progress], object]) -> Iterator[None]:
    """A LibraryError is told before it ends the run: the status says why each source is offline."""
    try:
        yield
    except LibraryError as error:
        on_progress(Progress("scanning", offline=error.sources))
        raise


@dataclass(slots=True)
class Plan:
    """What differs between a library root and its index."""

    to_read: list[FoundFile] = field(default_factory=list)  # new or changed
    missing: dict[str, Known] = field(default_factory=dict)  # by path: in the index, not found
    noted: list[Noted] = field(default_factory=list)  # unchanged, and now better known
    noted_rejected: list[RejectedRecord] = field(default_factory=list)
    back_online: list[int] = field(default_factory=list)  # ids, found unchanged again
    forgotten: list[str] = field(default_factory=list)  # rejected once, not found
    absorbed: dict[str, Known] = field(default_factory=dict)  # photos that are now RAWs of others
    offline: dict[str, str] = field(default_factory=dict)  # of Scan
    unchanged: int = 0
    still_rejected: int = 0


def plan(
    found: Scan,
    known: dict[str, Known],
    rejected: dict[str, RejectedRecord],
    again: Set[str] = frozenset(),
) -> Plan:
    """Compare what was found with what the index knows. Size and time are compared for difference,
    never for order: clocks jump. Rejected files in `again` are read though they did not change.

    A picture that stays rejected has no RAW files: each is a photo of its own."""
    result = Plan(offline=found.offline)
    files = _photos(found, rejected, again)
    for file in files:
        old = known.get(file.path) or rejected.get(file.path)
        if old is None or is_another(old, file):
            result.to_read.append(file)
        elif isinstance(old, RejectedRecord):
            _rejected_before(result, file, old, file.path in again)
        else:
            _embedded_before(result, file, old)
    paths = {file.path for file in files}
    raws = {raw.path for file in files for raw in file.raws}
    gone = {path: old for path, old in known.items() if path not in paths}
    result.missing = {path: old for path, old in gone.items() if path not in raws}
    result.absorbed = {path: old for path, old in gone.items() if path in raws}
    result.forgotten = [path for path in rejected if path not in paths and not found.hides(path)]
    return result


def _photos(found: Scan, rejected: dict[str, RejectedRecord], again: Set[str]) -> list[FoundFile]:
    """The files, a RAW with the picture of its name as one of them."""
    files: list[FoundFile] = []
    for file in paired(found.files):
        refused = rejected.get(file.path) if file.raws and file.path not in again else None
        if refused and not is_another(refused, file):
            files += [replace(file, raws=()), *file.raws]
        else:
            files.append(file)
    return files


def _rejected_before(result: Plan, file: FoundFile, old: RejectedRecord, again: bool) -> None:
    if again:
        result.to_read.append(file)
        return
    result.still_rejected += 1
    if old.version != file.version:
        result.noted_rejected.append(replace(old, version=file.version))


def _embedded_before(result: Plan, file: FoundFile, old: Known) -> None:
    if not old.embedded:
        result.to_read.append(file)
        return
    result.unchanged += 1
    if old.offline:
        result.back_online.append(old.id)
    if (old.version, old.mount, old.raws) != (file.version, file.mount, file.raw_names):
        result.noted.append(Noted(old.id, file.version, file.mount, file.raw_names))


def is_another(old: Known | RejectedRecord, file: FoundFile) -> bool:
    """Whether a file may hold something else than what is known of it. An index of an earlier
    program knows no version: its files are taken for the same, and theirs is noted."""
    if (old.size_bytes, old.mtime_ns) != (file.size_bytes, file.mtime_ns):
        return True
    return bool(old.version) and bool(file.version) and old.version != file.version
