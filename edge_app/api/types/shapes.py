"""The answers of the HTTP API, each a type: JSON and the served description are made from these."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.json import Decoder

from edge_app.search.alike.duplicates import Kind
from edge_app.search.alike.keep import Reason as KeepReason
from edge_app.search.scale import Band

Count = Annotated[int, Meta(ge=0)]
Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Score = Annotated[float, Meta(ge=-1.0001, le=1.0001)]  # a cosine, rounded
Doing = Literal["idle", "scanning", "importing", "indexing", "failed"]
Orientation = Literal["landscape", "portrait", "square"]
# JSON has no tuples, and what describes their parts differs between versions of JSON Schema.
Pair = Annotated[list[str | int], Meta(min_length=2, max_length=2, description="name, count")]
Day = Annotated[
    list[str | int | None],
    Meta(min_length=2, max_length=2, description="day, count; null: photos without a date, last"),
]
Sides = Annotated[list[float], Meta(min_length=4, max_length=4)]  # x, y, w, h of a box


def prepare(kind: type[Struct]) -> None:
    """Have values be converted to this type, and to those made of it, by several threads at once.

    msgspec 0.22.0 learns a type when it is first needed. A second thread that needs it meanwhile
    finds it half learnt, and the process dies.
    """
    Decoder(kind)
    for each in kind.__subclasses__():
        prepare(each)


class Shape(Struct, kw_only=True):
    """Base of all: keys are given by name, and every key is always there unless it says so."""


class RawFile(Shape):
    """A RAW file beside the picture that the camera made with it."""

    name: str
    original: str  # URL


class Image(Shape):
    """An image of the index."""

    id: Id
    path: str  # below the library root; bytes that aren't UTF-8 are U+FFFD
    name: str
    folder: str
    width: Count  # of the upright image, in pixels
    height: Count
    bytes: Count
    format: str  # Pillow's name: "JPEG", "PNG", …
    taken_at: str | None  # ISO, without zone, as cameras keep it; null: undated
    taken_from: Literal["exif", "xmp", "name"] | None  # what says so
    modified_at: str  # the file's time, which is no date of the photo; UTC
    camera: str | None
    note: str | None  # "incomplete": the file lacks a part of the picture
    orientation: Orientation
    offline: bool
    thumb: str  # URL, relative to the page
    preview: str
    original: str
    raws: list[RawFile]  # of the same photo


class Match(Image):
    """An image of an answer; `folded` where near-duplicates were folded under better ones."""

    score: Score
    band: Band | None  # how the score reads; None where `scale` says nothing
    folded: list[Id] | UnsetType = UNSET


class Copy(Image):
    """An image of a group of near-duplicates."""

    score: Score  # with the first image of the group
    copy_of: Id | None  # an image before it that is the same file, byte for byte


class Page(Shape):
    """Some images of a listing."""

    items: list[Image]
    next: str | None  # the cursor of the next page
    total: Count


class Layout(Shape):
    """Images of a listing in its order, as far as it takes to place them."""

    total: Count  # of the whole listing
    ids: list[Id]
    ratios: list[Count]  # width * 100 / height
    days: list[Day]  # in an order by date: a day and its images, for each that has any


class Folder(Shape):
    """A folder that holds images itself, and how many."""

    folder: str
    images: Count


class Folders(Shape):
    """Every folder with images."""

    folders: list[Folder]


class Facets(Shape, rename={"from_": "from"}):
    """What there is to filter by, with counts."""

    formats: list[Pair]
    orientations: list[Pair]
    from_: str | None
    to: str | None
    undated: Count  # images without a date


class RejectedFile(Shape):
    """A file that can't be used."""

    path: str
    bytes: Count
    reason: str


class Rejections(Shape):
    """Files that can't be used for one reason, and what to do about it."""

    reason: str
    advice: str | None
    count: Count
    files: list[str]  # the first of them


class Rejected(Shape):
    """Files that can't be used: some of them, and all by reason."""

    items: list[RejectedFile]
    next: str | None
    total: Count
    groups: list[Rejections]


class UploadedImage(Shape):
    """A picture that was sent to be searched for."""

    width: Count
    height: Count
    format: str


class Asked(Shape):
    """What was searched for; the keys that belong to such a search."""

    like: list[Id] | UnsetType = UNSET
    unlike: list[Id] | UnsetType = UNSET
    box: Sides | UnsetType | None = UNSET
    weight: float | UnsetType = UNSET
    word: str | UnsetType | None = UNSET
    text: str | UnsetType = UNSET
    unlike_text: str | UnsetType = UNSET
    upload: UploadedImage | UnsetType = UNSET


class Scale(Shape):
    """Where the bands of scores begin, from random pairs of this index; None where its pairs are
    too few to tell."""

    pairs: Count  # that were scored
    half: Score | None  # one random pair in 2 reaches this: a slider may begin here
    similar: Score | None  # one in 100; less is "less_similar"
    very_similar: Score | None  # one in 10,000
    almost_same: Score | None  # half the way from there to 1


class Answer(Shape):
    """The most similar images, best first."""

    query: Asked
    scale: Scale | None  # of these scores; None for words, unlike images, mixed queries and tiles
    items: list[Match]


class Words(Shape):
    """Words that the model knows."""

    words: list[str]


class Group(Shape):
    """Near-duplicates of one another: "identical" files, copies that show the "same" picture, or
    different photos that are "alike"."""

    kind: Kind
    exact: bool  # all are copies of one file
    keep: Id | None  # the copy to keep; None of what is alike, or not known (yet)
    keep_reason: KeepReason | None  # why; None of what is alike, or while it is being found
    images: list[Copy]


class Groups(Shape):
    """Groups of near-duplicates, as far as they are found."""

    groups: list[Group]
    next: str | None
    total: Count
    min_score: Score  # of those that are alike
    unpatterned: Count  # images whose copies can't be found before the next index run
    pending: bool  # a comparison is under way: ask again
    progress: Annotated[float, Meta(ge=0, le=1)]


class Dismissed(Shape):
    """How many pairs were not dismissed before."""

    dismissed: Count


class Restored(Shape):
    """How many dismissed pairs may be near-duplicates again."""

    restored: Count


class MarkList(Shape):
    """The images that are marked to be moved away."""

    items: list[Image]
    total: Count
    bytes: Count  # of their files together


class Marked(Shape):
    """How many images are new on the list."""

    marked: Count


class Unmarked(Shape):
    """How many images were on the list."""

    unmarked: Count


class NoDuplicates(Shape):
    """Images that were said to be no duplicates of one another."""

    images: list[Image]


class NoDuplicatesList(Shape):
    """All that was said of it."""

    groups: list[NoDuplicates]


class ErrorBody(Shape):
    """Why there is no answer."""

    code: str
    message: str


class Error(Shape):
    """Every answer that is none."""

    error: ErrorBody
