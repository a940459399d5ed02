"""previews: a photo at the size of a screen, made once, kept within bounds, stopping nobody."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edge_app.api.files import previews as making
from edge_app.api.files.previews import AT_ONCE, WAITING, Previews
from edge_app.api.routes import make_app
from edge_app.config import Config, Limits
from edge_app.errors import BusyError, EdgeAppError
from edge_app.index.format.records import ImageRecord
from edge_app.index.repair.beside import PREVIEWS
from edge_app.indexing.watch import Watcher
from edge_app.library.source import InFolder
from edge_app.search.alike.groups import Review
from edge_app.search.gallery import Gallery
from tools.testing.pictures import picture
from tools.testing.waiting import PATIENCE_S


def record(path: str, number: int) -> ImageRecord:
    facts = "JPEG", None, None, None, None, False, 0, 1, 1
    return ImageRecord(number, path, 1, 1, bytes([number]) * 16, 1, 1, *facts)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "library").mkdir()
    (tmp_path / "index").mkdir()
    return Config(gallery=tmp_path / "library", index=tmp_path / "index")


@pytest.fixture
def previews(config: Config) -> Iterator[Previews]:
    with closing(Previews(config)) as previews:
        yield previews


def saved(config: Config, name: str, number: int, **options: Any) -> ImageRecord:
    picture(number, 2400, 1200).save(config.gallery / name, **options)
    return record(name, number)


def kept(config: Config) -> list[str]:
    return sorted(path.name for path in (config.index / PREVIEWS).iterdir())


def test_it_is_an_upright_jpeg_of_at_most_1600_px_without_metadata(
    config: Config, previews: Previews
) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    image = saved(config, "a.jpg", 1, exif=exif.tobytes(), comment=b"mine")
    with Image.open(BytesIO(previews.of(image))) as preview:
        assert (preview.format, preview.size) == ("JPEG", (800, 1600))
        assert not preview.getexif()
        assert "comment" not in preview.info
    small = saved(config, "b.tif", 2)
    Image.new("RGB", (300, 200)).save(config.gallery / "b.tif")
    with Image.open(BytesIO(previews.of(small))) as preview:
        assert preview.size == (300, 200), "never enlarged"


def test_it_is_made_once_and_found_again_by_another_server(
    config: Config, previews: Previews
) -> None:
    image = saved(config, "a.png", 1)
    made = previews.of(image)
    (config.gallery / "a.png").unlink()
    assert previews.of(image) == made
    with closing(Previews(config)) as other:
        assert other.of(image) == made
    assert kept(config) == [f"{image.content.hex()}.jpg"]


def test_the_oldest_make_room_for_new_ones(config: Config) -> None:
    limits = Limits(preview_bytes=50_000)
    with closing(Previews(replace(config, limits=limits))) as previews:
        images = [saved(config, f"{number}.png", number) for number in range(1, 7)]
        sizes = [len(previews.of(image)) for image in images]
    assert sum(sizes) > limits.preview_bytes
    names = kept(config)
    assert images[-1].content.hex() + ".jpg" in names
    assert images[0].content.hex() + ".jpg" not in names
    folder = config.index / PREVIEWS
    assert sum(path.stat().st_size for path in folder.iterdir()) <= limits.preview_bytes


def test_nothing_is_kept_where_the_cache_is_switched_off(config: Config) -> None:
    with closing(Previews(replace(config, limits=Limits(preview_bytes=0)))) as previews:
        assert previews.of(saved(config, "a.png", 1))
    assert not (config.index / PREVIEWS).exists()


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff cut"])
def test_a_kept_file_that_is_damaged_is_made_again(
    config: Config, previews: Previews, content: bytes
) -> None:
    image = saved(config, "a.png", 1)
    made = previews.of(image)
    (config.index / PREVIEWS / f"{image.content.hex()}.jpg").write_bytes(content)
    assert previews.of(image) == made


def test_a_kept_file_of_any_size_is_not_read(config: Config, previews: Previews) -> None:
    image = saved(config, "a.jpg", 1)
    made = previews.of(image)
    (name,) = kept(config)
    os.truncate(config.index / PREVIEWS / name, 2**34)  # it takes no room
    assert previews.of(image) == made


def test_a_link_in_the_place_of_a_preview_is_not_followed(
    config: Config, previews: Previews, tmp_path: Path
) -> None:
    image = saved(config, "a.png", 1)
    (tmp_path / "secret").write_bytes(b"\xff\xd8 secret \xff\xd9")
    (config.index / PREVIEWS).mkdir()
    (config.index / PREVIEWS / f"{image.content.hex()}.jpg").symlink_to(tmp_path / "secret")
    assert b"secret" not in previews.of(image)
    assert (tmp_path / "secret").read_bytes() == b"\xff\xd8 secret \xff\xd9"


def test_a_folder_that_a_link_names_is_neither_read_nor_written_nor_cleared(
    config: Config, previews: Previews, tmp_path: Path
) -> None:
    image = saved(config, "a.png", 1)
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    files = {"video.mp4.part": b"half", f"{image.content.hex()}.jpg": b"\xff\xd8 secret \xff\xd9"}
    for name, content in files.items():
        (downloads / name).write_bytes(content)
    (config.index / PREVIEWS).symlink_to(downloads)
    assert b"secret" not in previews.of(image)
    assert {path.name: path.read_bytes() for path in downloads.iterdir()} == files


def test_a_photo_that_can_not_be_read_is_one_error(config: Config, previews: Previews) -> None:
    (config.gallery / "bad.jpg").write_bytes(b"no image")
    for path in ("bad.jpg", "gone.jpg"):
        with pytest.raises(EdgeAppError):
            previews.of(record(path, 1))


def test_of_64_at_once_a_few_wait_and_the_others_are_told(
    config: Config, previews: Previews, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So most threads of the server stay free for other requests."""
    monkeypatch.setattr(making, "WAIT_S", PATIENCE_S)  # a busy machine makes them late
    images = [saved(config, f"{number}.png", number) for number in range(1, 4)]
    going, refused = threading.Event(), threading.Semaphore(0)
    decode = previews._pool.decode

    def held(source: InFolder | bytes) -> object:
        going.wait()
        return decode(source)

    monkeypatch.setattr(previews._pool, "decode", held)

    def ask(number: int) -> bool:
        try:
            return bool(previews.of(images[number % 3]))
        except BusyError:
            refused.release()
            return False

    with ThreadPoolExecutor(64) as threads:
        answers = [threads.submit(ask, number) for number in range(64)]
        for _ in range(64 - AT_ONCE - WAITING):
            refused.acquire()
        going.set()
        assert sum(answer.result() for answer in answers) == AT_ONCE + WAITING


def test_its_decoding_process_ends_with_the_gallery(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Previews] = []
    monkeypatch.setattr(Previews, "close", lambda self: closed.append(self))
    gallery = Gallery(config)
    review = Review(gallery.reader)
    make_app(gallery, Watcher(config, watch=False), review)
    assert closed == []
    review.close()
    gallery.close()
    assert len(closed) == 1
