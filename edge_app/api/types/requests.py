"""What the HTTP API can be asked, each a type: values are checked by these, and described by them.

A query string and the texts of a form are read leniently ("20" is a number, an empty value is
absent), and so is JSON. Unknown names are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct, inspect

from edge_app.api.types.shapes import Id, Orientation, prepare
from edge_app.errors import UsageError
from edge_app.index.format.schema import LARGEST
from edge_app.index.read.listing import LAYOUT_MAX
from edge_app.index.read.order import SORTS
from edge_app.search.alike.duplicates import Kind
from edge_app.search.alike.groups import DISMISS_IMAGES, DUPLICATE_SCORE, DUPLICATE_SCORE_MIN
from edge_app.search.gallery import QUERY_IMAGES, UNLIKE_WEIGHT
from edge_app.search.vectors.exact import K_MAX, RANKING_MAX, K

PAGE_IMAGES = 100  # of a listing, unless asked otherwise
PAGE_IMAGES_MAX = 1000
MARKED_AT_ONCE = 1000  # images in one request

T = TypeVar("T", bound="Request")
Date = Annotated[str, Meta(extra_json_schema={"format": "date"})]
BOX_PATTERN = r"^[0-9.]+,[0-9.]+,[0-9.]+,[0-9.]+$"
BoxText = Annotated[
    str, Meta(description="x,y,w,h as fractions of the upright image", pattern=BOX_PATTERN)
]
IDS_PATTERN = r"^[0-9]{1,19}(,[0-9]{1,19})*$"  # Python reads no numbers of 5,000 digits
IdsText = Annotated[str, Meta(description="ids with commas between", pattern=IDS_PATTERN)]
WEIGHT_MAX = 1000.0  # beyond any use, and far from where float32 overflows
Weight = Annotated[float, Meta(ge=0, le=WEIGHT_MAX)]
Sort = Annotated[
    str, Meta(extra_json_schema={"enum": [sign + name for name in SORTS for sign in ("", "-")]})
]


class Request(Struct, kw_only=True):
    """Base of all: every value may be absent unless it says so."""


class Filters(Request, rename={"from_": "from"}):
    """Which images may be listed or found."""

    folder: str | None = None  # this one and all below it
    from_: Date | None = None  # taken on this day or later
    to: Date | None = None
    undated: bool = False  # only images without a date
    format: str | None = None  # Pillow's names, with commas between
    orientation: Orientation | None = None


class Listing(Filters):
    """A page of the gallery, or the images of some ids."""

    sort: Sort = "-date"
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE_IMAGES_MAX)] = PAGE_IMAGES
    ids: IdsText | None = None


class Order(Filters):
    """The order of a listing, and which part of it."""

    sort: Sort = "-date"
    offset: Annotated[int, Meta(ge=0, le=LARGEST)] = 0
    limit: Annotated[int, Meta(ge=1, le=LAYOUT_MAX)] = LAYOUT_MAX


class Paging(Request):
    """A part of a list."""

    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE_IMAGES_MAX)] = PAGE_IMAGES


class Ranking(Filters):
    """How many matches, and which."""

    k: Annotated[int, Meta(ge=1, le=K_MAX)] = K
    offset: Annotated[int, Meta(ge=0, le=RANKING_MAX)] = 0
    min_score: Annotated[float, Meta(ge=-1, le=1)] | None = None
    collapse: bool = False
    tiles: bool = False


class Similar(Ranking):
    """The images most similar to one."""

    box: BoxText | None = None


class Upload(Ranking):
    """The images most similar to a picture that is sent: the file field `image` beside these."""

    box: BoxText | None = None


class Combined(Ranking):
    """More like these, less like those, or like a text."""

    like: Annotated[list[Id], Meta(max_length=QUERY_IMAGES)] = []
    unlike: Annotated[list[Id], Meta(max_length=QUERY_IMAGES)] = []
    word: str | None = None  # one that the model knows
    text: str | None = None  # any, of a model with a text tower; else a word that it knows
    unlike_text: str | None = None
    weight: Weight = UNLIKE_WEIGHT  # how strongly `unlike` counts


class WordsBegin(Request):
    """The beginning of a word."""

    q: str = ""


class Duplicates(Request):
    """Near-duplicates."""

    kind: Kind | None = None  # without: all, each image in one group
    min_score: Annotated[float, Meta(ge=DUPLICATE_SCORE_MIN, le=1)] = DUPLICATE_SCORE
    cursor: Annotated[int, Meta(ge=0, le=2**31)] = 0


class Dismissal(Request):
    """Images that are no duplicates of one another."""

    ids: Annotated[list[Id], Meta(min_length=2, max_length=DISMISS_IMAGES)]


class Marks(Request):
    """Images to put on the list of those to move away, or to take off it."""

    ids: Annotated[list[Id], Meta(min_length=1, max_length=MARKED_AT_ONCE)]


class Zipped(Request):
    """Images whose originals are wanted together."""

    ids: IdsText


class Version(Request):
    """The version that the page knows; an answer to the right one may be kept for ever."""

    v: str | None = None


class Download(Request):
    """Which file of a photo, and whether a browser is to save it."""

    download: bool = False
    raw: Annotated[int, Meta(ge=0, le=1000)] = 0  # its first RAW file is 1


prepare(Request)


def read(kind: type[T], values: Mapping[str, Any]) -> T:
    """The request in these values; UsageError names the first that does not fit, and what would."""
    given = {name: value for name, value in values.items() if value not in ("", None)}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(_explained(kind, given, str(error))) from None


def _explained(kind: type[Request], given: Mapping[str, Any], reason: str) -> str:
    """What is wrong in one line; msgspec says where: "Expected `int` - at `$.k`"."""
    reason, _, place = reason.partition(" - at `$")
    name = place.strip("`.").partition(".")[0].partition("[")[0]
    fields = {field.encode_name: field.type for field in inspect.type_info(kind).fields}  # type: ignore[attr-defined]
    if name not in fields:  # what is missing has no place, but a name
        return f"the request lacks {reason.split('`')[1]}"
    value = repr(given[name]).strip("'")[:100]
    return f"{name} {value} is not {_named(fields[name])}"


def _named(kind: inspect.Type) -> str:
    """A type as people call it."""
    match kind:
        case inspect.UnionType():
            return _named(next(t for t in kind.types if not isinstance(t, inspect.NoneType)))
        case inspect.IntType() if kind.ge is not None and kind.le is not None:
            return f"a whole number from {kind.ge} to {kind.le}"
        case inspect.FloatType() if kind.ge is not None and kind.le is not None:
            return f"a number from {kind.ge:g} to {kind.le:g}"
        case inspect.IntType():
            return "a whole number"
        case inspect.FloatType():
            return "a number"
        case inspect.BoolType():
            return "0 or 1"
        case inspect.LiteralType():
            return f"one of {', '.join(map(str, kind.values))}"
        case inspect.ListType():
            return f"a list of {kind.min_length or 0} to {kind.max_length} image ids"
        case inspect.Metadata():
            return _named(kind.type)
        case inspect.StrType() if kind.pattern == BOX_PATTERN:
            return "four numbers x,y,w,h"
        case inspect.StrType() if kind.pattern == IDS_PATTERN:
            return "image ids with commas between"
    return "a text"
