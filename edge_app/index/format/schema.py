"""The catalogue's tables, their columns, and the size of its pages and log."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from edge_app.config import MiB

CATALOG = "catalog.db"  # its name in the index folder

SCHEMA_VERSION = 5  # each has a step from the one before: steps.py

# By version, what `digest_of` says of the schema that it had.
EARLIER = {
    1: "0beffc30fd72188a",
    2: "87096e92bd6741cf",
    3: "477a9912c3d1c749",
    4: "d048134701ef4185",
}

LARGEST = 2**63 - 1  # integer that SQLite can hold, or be asked for

# A commit logs every page it touches, and the orders of listings are touched in as many places as
# it has images. With SQLite's own 4,096 and 1,000 pages a run writes 1.5 times what it must, with
# these 1.3 times (docs/small-devices.md); listings take 5 % longer.
PAGE_BYTES = 1024

LOG_BYTES = 64 * MiB  # of log, before it is written into the catalogue

SCHEMA = """
CREATE TABLE state (               -- one record
    root BLOB NOT NULL,            -- library root when last opened for writing, absolute
    generation INTEGER NOT NULL,   -- the one readers answer from
    last_generation INTEGER NOT NULL, -- neither of these numbers is ever used twice
    last_image INTEGER NOT NULL,
    thumbs_generation INTEGER NOT NULL,
    thumbs_bytes INTEGER NOT NULL, -- committed length of thumbs-<thumbs_generation>.bin
    openings INTEGER NOT NULL,     -- counted so that each opening commits something, see session.py
    crc INTEGER NOT NULL
);
CREATE TABLE generations (
    generation INTEGER PRIMARY KEY,
    model TEXT NOT NULL,           -- embed.ModelIdentity as JSON
    tiles INTEGER NOT NULL,        -- vectors per row in tiles-<generation>.f32; 0: no such file
    rows INTEGER NOT NULL,         -- committed rows, dead ones included
    live INTEGER NOT NULL,
    crc INTEGER NOT NULL
);
CREATE TABLE folders (id INTEGER PRIMARY KEY, folder BLOB NOT NULL UNIQUE);
CREATE TABLE formats (id INTEGER PRIMARY KEY, format TEXT NOT NULL UNIQUE);
CREATE TABLE images (
    id INTEGER PRIMARY KEY,        -- never reused: state.last_image counts
    folder_id INTEGER NOT NULL REFERENCES folders,
    format_id INTEGER NOT NULL REFERENCES formats,
    name BLOB NOT NULL,
    name_key BLOB NOT NULL,        -- sorts as people read: case folded, numbers by value
    size_bytes INTEGER NOT NULL,
    mtime_ns NOT NULL,             -- text from the year 2262 on, where integers end
    content BLOB NOT NULL,         -- BLAKE2b-128 of the file
    twin INTEGER NOT NULL,         -- first 8 bytes of content as a signed integer
    width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL,
    orientation INTEGER NOT NULL,  -- 0 landscape, 1 portrait, 2 square
    ratio INTEGER NOT NULL,        -- width_px * 100 / height_px, rounded
    taken_at INTEGER,              -- NULL: undated
    taken_from TEXT,
    camera TEXT,
    note TEXT,                     -- "incomplete": the file lacks a part of the picture
    offline INTEGER NOT NULL,
    thumb_offset INTEGER NOT NULL,
    thumb_bytes INTEGER NOT NULL,  -- 0: no thumbnail, the next run makes one
    thumb_crc INTEGER NOT NULL,
    version TEXT NOT NULL,         -- what its source tells versions apart by; '': not known
    mount BLOB NOT NULL,           -- folder below the root where another drive begins, or ''
    raws BLOB NOT NULL,            -- names of its RAW files in the same folder, "/" between
    pattern INTEGER,               -- 64 bits of photos/pattern.py as a signed integer; 0: none
    located INTEGER,               -- 1: the file says where it was taken
    taken_ms INTEGER,              -- milliseconds within the second of taken_at
    crc INTEGER NOT NULL,
    UNIQUE (folder_id, name)
);
-- Each order of a listing has an index that also answers every filter without touching images.
CREATE INDEX images_by_date ON images
    (taken_at, id, folder_id, format_id, orientation, ratio);
CREATE INDEX images_by_name ON images
    (name_key, id, folder_id, format_id, orientation, ratio, taken_at);
CREATE INDEX images_by_folder ON images
    (folder_id, name_key, id, format_id, orientation, ratio, taken_at);
CREATE INDEX images_offline ON images (id) WHERE offline;
CREATE TABLE rows (                -- live rows only: a row without a record is dead
    generation INTEGER NOT NULL,
    row INTEGER NOT NULL,
    image_id INTEGER NOT NULL,
    vector_crc INTEGER NOT NULL,
    code_crc INTEGER NOT NULL,
    tiles_crc INTEGER NOT NULL,    -- 0 where the generation has no tiles
    crc INTEGER NOT NULL,
    PRIMARY KEY (generation, row)
) WITHOUT ROWID;
CREATE UNIQUE INDEX rows_by_image ON rows (image_id, generation);
CREATE TABLE rejected (
    path BLOB PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    mtime_ns NOT NULL,             -- text from the year 2262 on, where integers end
    reason TEXT NOT NULL,
    lacks TEXT NOT NULL,           -- tried again once this is another: photos/lacks.py
    version TEXT NOT NULL,         -- as in images
    crc INTEGER NOT NULL
) WITHOUT ROWID;
"""

STORED_COLUMNS = """
    images.id, folder, format, name, name_key, size_bytes, mtime_ns, content, twin, width_px,
    height_px, orientation, ratio, taken_at, taken_from, camera, note, offline, thumb_offset,
    thumb_bytes, thumb_crc, version, mount, raws, pattern, located, taken_ms
"""

IMAGE_COLUMNS = """
    images.id, folder, name, size_bytes, mtime_ns, content, width_px, height_px, format,
    taken_at, taken_from, camera, note, offline, thumb_offset, thumb_bytes, thumb_crc, version,
    mount, raws, pattern, located, taken_ms
"""

IMAGE_TABLES = """
    images LEFT JOIN folders ON folders.id = folder_id LEFT JOIN formats ON formats.id = format_id
"""


def digest_of(schema: Iterable[tuple[str, str, str | None]]) -> str:
    """Of a schema, to the letter."""
    return blake2b(repr(sorted(schema, key=str)).encode(), digest_size=8).hexdigest()
