"""What clears damage away, so that the next index run restores what was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from edge_app.index.format.appendfile import AppendFile, Header, sync_folder
from edge_app.index.format.catalog import Catalog
from edge_app.index.format.regular import unused_name
from edge_app.index.format.schema import CATALOG
from edge_app.index.write import known

Cure = Callable[[Catalog], object]


def apply(catalog: Catalog, cures: Iterable[Cure]) -> None:
    """All of them in one transaction, and live rows counted again."""
    with catalog.transaction():
        for cure in cures:
            cure(catalog)
        for record in catalog.generations().values():
            catalog.put_generation(
                replace(record, live=known.count_rows(catalog, record.generation))
            )


def forget_image(catalog: Catalog, id: int) -> None:
    """The next run finds the file and takes it for a new one."""
    known.drop_rows(catalog, id)
    catalog.drop_image(id)


def forget_thumbnail(catalog: Catalog, id: int) -> None:
    """The next run does the image again, as it has none."""
    image = catalog.image(id)
    if image:
        catalog.put_image(replace(image, thumb_offset=0, thumb_bytes=0, thumb_crc=0))


def forget_row(catalog: Catalog, generation: int, row: int) -> None:
    """The row is dead; the next run gives its image another."""
    catalog.connection.execute(
        "DELETE FROM rows WHERE generation = ? AND row = ?", (generation, row)
    )


def forget_rejected(catalog: Catalog, path: object) -> None:
    """The next run tries the file again. `path` is what the column holds, of whatever type."""
    catalog.connection.execute("DELETE FROM rejected WHERE path = ?", (path,))


def forget_file(_: Catalog, path: Path) -> None:
    """Whoever needs the file makes it again."""
    with suppress(FileNotFoundError, IsADirectoryError):  # a folder is not ours to delete
        path.unlink()


def set_file_aside(_: Catalog, path: Path) -> None:
    """What can't be made again is kept, under another name."""
    path.rename(unused_name(path))


def restore(_: Catalog, path: Path, header: Header, length: int) -> None:
    """The file as the catalogue expects it, with zeros for what is lost; rows of zeros differ from
    their CRC, so each has a cure of its own."""
    if not path.exists():
        AppendFile.create(path, header).close()
        sync_folder(path.parent)
    with closing(AppendFile.unverified(path, header, writable=True)) as file:
        file.restore(length)


def set_aside(index: Path) -> Path:
    """Rename the catalogue and what belongs to it; where it is now."""
    aside = unused_name(index / CATALOG)
    for ending in ("-wal", "-shm", ""):  # the catalogue last: until then it is whole
        with suppress(FileNotFoundError):
            (index / f"{CATALOG}{ending}").rename(f"{aside}{ending}")
    sync_folder(index)
    return aside
