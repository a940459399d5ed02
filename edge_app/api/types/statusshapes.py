"""What the server says of itself and of its library, each a type, as in `shapes`."""

from __future__ import annotations

from typing import Literal

from edge_app.api.types.shapes import Count, Doing, Score, Shape, prepare
from edge_app.library.scan import LeftOut


class Skipped(Shape):
    """What the last index run passed over though it may be photos."""

    # marked: with a .nomedia or .noindex; names: that are no plain paths
    reason: LeftOut
    count: Count
    example: str | None


class Away(Shape):
    """A drive that is not where it was."""

    folder: str  # where it begins, below the photo folder
    images: Count


class Library(Shape):
    """All photos together, and what of them is passed over."""

    name: str
    online: bool
    message: str | None  # why it, or one of its sources, is offline
    exclude: list[str]
    follow_links: bool
    skipped: list[Skipped]
    away: list[Away]


class Source(Shape):
    """One of the places that the photos are in."""

    name: str  # paths begin with it where there are several
    online: bool
    message: str | None  # why it is not, or which part of it can't be reached
    watching: Literal["events", "polling", "off"]  # how changes are noticed
    polled_because: str | None  # and what to do about it
    poll_s: float  # how often it is read in any case


class Machine(Shape):
    """One of a cluster that searches."""

    name: str
    state: Literal["ready", "behind", "silent"]  # behind: its copy is of another commit
    searched: Count  # ranges of rows since the server started


class Indexing(Shape):
    """The index run under way."""

    state: Doing
    done: Count
    total: Count
    images_per_s: float
    eta_s: float | None
    message: str | None
    machines: dict[str, Count]  # files that each of a cluster did in this run, or the last


class Model(Shape):
    """A model, and whether it can be asked in words."""

    name: str
    dim: Count
    weights: str | None
    runtime: str
    words: bool  # `text` of a search is of use: any, or a word that it knows
    text: bool  # it has a text tower, which knows any text


class Search(Shape):
    """How searches run."""

    kernel: str  # what computes products, and the instructions it uses
    tiles: bool


class PageLimits(Shape):
    """Limits that the page keeps to."""

    query_images: Count  # photos in one query
    box_px: Count  # a region's shorter side, in pixels of the original
    duplicate_score: Score  # images this close to one another are near-duplicates


class Status(Shape):
    """What is indexed, and what is going on."""

    images: Count
    rejected: Count
    offline: Count
    library: Library  # as a whole: online while one of its sources is
    sources: list[Source]
    machines: list[Machine]  # with serve --cluster
    indexing: Indexing
    model: Model | None  # that answers
    next_model: Model | None  # that photos are being embedded with again
    model_error: str | None
    search: Search
    generation: Count
    revision: str  # another one after every change of the index
    limits: PageLimits
    passcode: bool  # whether there is one, and so something to sign out of
    version: str


class Health(Shape):
    """The server is well."""

    status: Literal["ok"] = "ok"


prepare(Indexing)
