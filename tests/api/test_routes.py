"""routes: the HTTP API of the contract, over real sockets with the real model."""

from __future__ import annotations

import io
import json
import os
import threading
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

from edge_app.api.routes import make_app
from edge_app.cli.arguments import main
from edge_app.config import Config, MiB
from edge_app.index.read.snapshot import Snapshot
from edge_app.indexing.process import IndexingStatus
from edge_app.indexing.watch import Watcher
from edge_app.search.alike import groups, keeper
from edge_app.search.alike.groups import Review
from edge_app.search.gallery import Gallery
from edge_app.search.vectors.ranking import Asked, Ranked, rank_here
from tests.serving import Answer, Site, serving
from tools.testing.pictures import picture, save
from tools.testing.waiting import PATIENCE_S, until

pytestmark = pytest.mark.model

Json = dict[str, Any]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("library")
    for seed in range(6):
        exif = Image.Exif()
        exif[0x0132] = f"2019:05:0{3 + seed} 16:13:20"
        (root / "2019").mkdir(exist_ok=True)
        picture(seed).save(root / f"2019/img_{seed}.png", exif=exif)
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", "Model 7"
    exif[0x0132] = "2020:02:29 12:34:56"
    exif[0x0112] = 6  # lies on its side
    picture(20, 90, 60).save(root / "tall <img onerror=alert(1)>.jpg", exif=exif)
    (root / "tall <img onerror=alert(1)>.CR2").write_bytes(b"what the sensor saw")
    save(root / "2020/a/twin.png", 30, width_px=50, height_px=50)
    (root / "2020/bäder").mkdir()
    (root / "2020/bäder/twin.png").write_bytes((root / "2020/a/twin.png").read_bytes())
    (root / "broken.jpg").write_bytes(b"no image")
    return root


@pytest.fixture(scope="module")
def config(library: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Config:
    config = Config(gallery=library, index=tmp_path_factory.mktemp("index"), model=model, port=0)
    where = ["--gallery", str(library), "--index", str(config.index), "--model", str(model)]
    assert main(["index", *where]) == 0
    return config


@pytest.fixture(scope="module")
def site(config: Config) -> Iterator[Site]:
    gallery = Gallery(config)
    watcher = Watcher(config, watch=False)
    watcher.status = IndexingStatus()
    review = Review(gallery.reader)
    with pytest.MonkeyPatch.context() as patch:
        for module in (groups, keeper):
            patch.setattr(module, "WAIT_S", PATIENCE_S)  # a busy machine compares late
        with serving(make_app(gallery, watcher, review), config) as site:
            yield site
    review.close()
    gallery.close()


@pytest.fixture(scope="module")
def ids(site: Site) -> dict[str, int]:
    """Image ids by path."""
    return {image["path"]: image["id"] for image in get(site, "/api/images")["items"]}


def get(site: Site, path: str, **parameters: object) -> Json:
    query = f"?{urlencode(parameters)}" if parameters else ""
    answer = site.ask(path + query)
    assert answer.status == 200, answer.body
    content: Json = answer.json
    return content


def post(site: Site, path: str, **values: object) -> Answer:
    return site.post(path, json.dumps(values).encode())


def form(image: bytes | None, **fields: object) -> tuple[bytes, dict[str, str]]:
    """A multipart body and its headers."""
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if image is not None:
        parts.append(
            b'--edge\r\nContent-Disposition: form-data; name="image"; filename="x.jpg"\r\n'
            b"Content-Type: image/jpeg\r\n\r\n" + image + b"\r\n"
        )
    return b"".join([*parts, b"--edge--\r\n"]), {
        "Content-Type": "multipart/form-data; boundary=edge"
    }


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


# --- status and listings -------------------------------------------------------------------------


def test_status_says_what_is_there(site: Site) -> None:
    status = get(site, "/api/status")
    assert (status["images"], status["rejected"], status["offline"]) == (9, 1, 0)
    assert set(status["indexing"]) == {
        "state", "done", "total", "images_per_s", "eta_s", "message", "machines",
    }  # fmt: skip
    assert status["model"]["dim"] == 1280
    assert status["model"]["runtime"]
    assert (status["next_model"], status["model_error"]) == (None, None)
    assert status["library"]["online"] is True


def test_images_come_in_pages_that_join_up(site: Site, ids: dict[str, int]) -> None:
    for sort in ("date", "-date", "name", "-name", "folder", "-folder"):
        whole = get(site, "/api/images", sort=sort)
        assert whole["total"] == 9
        assert whole["next"] is None
        joined: list[Json] = []
        cursor: str | None = ""
        while cursor is not None:
            page = get(site, "/api/images", sort=sort, limit=2, cursor=cursor)
            joined += page["items"]
            cursor = page["next"]
        assert joined == whole["items"]


def test_newest_first_unless_asked_otherwise(site: Site) -> None:
    times = [image["taken_at"] for image in get(site, "/api/images")["items"]]
    dated, undated = times[:7], times[7:]
    assert dated == sorted(dated, reverse=True)
    assert undated == [None, None]
    times = [image["taken_at"] for image in get(site, "/api/images", sort="date")["items"]]
    assert times == [*sorted(dated), None, None], "at the end of both orders"


def test_images_are_filtered(site: Site) -> None:
    def names(**filters: str) -> list[str]:
        return [image["name"] for image in get(site, "/api/images", **filters)["items"]]

    assert len(names(folder="2020")) == 2
    assert names(folder="2020/a") == ["twin.png"]
    assert names(folder="2020/bäder") == ["twin.png"]
    assert names(format="JPEG") == ["tall <img onerror=alert(1)>.jpg"]
    assert len(names(orientation="square")) == 2
    assert names(undated="1") == ["twin.png", "twin.png"]
    assert names(undated="1", to="2039-01-01") == []
    assert sorted(names(**{"from": "2019-05-04", "to": "2019-05-05"})) == ["img_1.png", "img_2.png"]


def test_some_images_by_id(site: Site, ids: dict[str, int]) -> None:
    wanted = [ids["2019/img_3.png"], 999, ids["2019/img_1.png"]]
    items = get(site, "/api/images", ids=",".join(map(str, wanted)))["items"]
    assert [image["id"] for image in items] == [wanted[0], wanted[2]]


def test_one_image_with_its_facts(site: Site, ids: dict[str, int]) -> None:
    id = ids["tall <img onerror=alert(1)>.jpg"]
    image = get(site, f"/api/images/{id}")
    assert (image["width"], image["height"], image["orientation"]) == (60, 90, "portrait")
    assert (image["taken_at"], image["taken_from"]) == ("2020-02-29T12:34:56", "exif")
    assert image["camera"] == "Maker Model 7"
    assert image["folder"] == ""


def test_layout_places_every_image(site: Site, ids: dict[str, int]) -> None:
    layout = get(site, "/api/layout")
    listed = get(site, "/api/images")["items"]
    assert layout["ids"] == [image["id"] for image in listed]
    assert layout["ratios"] == [round(100 * i["width"] / i["height"]) for i in listed]
    assert sum(count for _, count in layout["days"]) == layout["total"] == 9
    assert layout["days"][0] == ["2020-02-29", 1]
    assert layout["days"][-1] == [None, 2]
    assert get(site, "/api/layout", sort="name")["days"] == []


def test_a_part_of_a_layout_says_how_much_there_is(site: Site) -> None:
    whole = get(site, "/api/layout")
    part = get(site, "/api/layout", offset=2, limit=3)
    assert part["ids"] == whole["ids"][2:5]
    assert part["ratios"] == whole["ratios"][2:5]
    assert part["total"] == 9
    assert sum(count for _, count in part["days"]) == 3
    assert get(site, "/api/layout", offset=9)["ids"] == []
    for wrong in ({"offset": -1}, {"limit": 0}, {"limit": 1_000_001}):
        assert site.ask("/api/layout?" + urlencode(wrong)).status == 400


def test_layout_is_not_sent_twice(site: Site) -> None:
    tag = site.ask("/api/layout").headers["etag"]
    assert site.ask("/api/layout", headers={"If-None-Match": tag}).status == 304


def test_folders_facets_and_rejected_files(site: Site) -> None:
    folders = {f["folder"]: f["images"] for f in get(site, "/api/folders")["folders"]}
    assert folders == {"": 1, "2019": 6, "2020/a": 1, "2020/bäder": 1}
    facets = get(site, "/api/facets")
    assert facets["formats"] == [["PNG", 8], ["JPEG", 1]]
    assert facets["from"].startswith("2019-05-03")
    assert facets["to"].startswith("2020-02-29")
    assert facets["undated"] == 2
    (rejected,) = get(site, "/api/rejected")["items"]
    assert (rejected["path"], rejected["reason"]) == ("broken.jpg", "not an image")


# --- searches ------------------------------------------------------------------------------------


def test_similar_is_the_brute_force_in_float64(
    site: Site, config: Config, ids: dict[str, int]
) -> None:
    with Gallery(config).reader as reader:
        snapshot = reader.snapshot()
    vectors = np.array(snapshot.vectors, np.float64)
    for row, id in enumerate(snapshot.ids.tolist()):
        # No matrix product: BLAS may sum equal rows differently, and ties would not be ties.
        scores = (vectors * vectors[row]).sum(axis=1)
        order = [other for other in np.lexsort((snapshot.ids, -scores)) if other != row]
        items = get(site, f"/api/images/{id}/similar", k=50)["items"]
        assert [item["id"] for item in items] == snapshot.ids[order].tolist()
        assert np.allclose([item["score"] for item in items], scores[order], atol=1e-5)


def test_similar_with_filters_paging_and_collapse(site: Site, ids: dict[str, int]) -> None:
    path = f"/api/images/{ids['2019/img_0.png']}/similar"
    whole = [item["id"] for item in get(site, path)["items"]]
    assert len(whole) == 8
    pages = [get(site, path, k=3, offset=offset)["items"] for offset in (0, 3, 6)]
    assert [item["id"] for page in pages for item in page] == whole
    assert {i["folder"] for i in get(site, path, folder="2020")["items"]} == {
        "2020/a",
        "2020/bäder",
    }
    twins = {ids["2020/a/twin.png"], ids["2020/bäder/twin.png"]}
    (leader,) = [i for i in get(site, path, collapse=1)["items"] if i["id"] in twins]
    assert {leader["id"], *leader["folded"]} == twins
    best = get(site, path, k=1)["items"][0]["score"]
    assert len(get(site, path, min_score=best - 1e-6)["items"]) == 1


def test_long_answers_that_fold_near_duplicates_are_made_one_at_a_time(config: Config) -> None:
    begun, may_go_on = threading.Event(), threading.Event()

    def rank(snapshot: Snapshot, asked: Asked, depth: int) -> Iterator[Ranked]:
        begun.set()
        assert may_go_on.wait(PATIENCE_S)
        return rank_here(snapshot, asked, depth)

    with closing(Gallery(config, rank)) as gallery, closing(Review(gallery.reader)) as review:
        app = make_app(gallery, Watcher(config, watch=False), review)
        with serving(app, config) as site, ThreadPoolExecutor(1) as thread:
            path = "/api/images/1/similar?collapse=1&k=1000&offset=5000"
            first = thread.submit(site.ask, path)
            assert begun.wait(PATIENCE_S)
            second = site.ask(path)
            may_go_on.set()
            assert (second.status, second.error, first.result().status) == (503, "busy", 200)
            assert site.ask(path).status == 200


def test_every_score_is_in_a_band_of_this_index(site: Site, ids: dict[str, int]) -> None:
    one, two, three = (ids[f"2019/img_{seed}.png"] for seed in range(3))
    path = f"/api/images/{one}/similar"
    answer = get(site, path)
    scale = answer["scale"]
    # Nine photos have 36 pairs, 35 without the twins': too few to tell.
    assert scale["pairs"] <= 35
    assert (scale["similar"], scale["very_similar"], scale["almost_same"]) == (None, None, None)
    assert {item["band"] for item in answer["items"]} == {None}
    assert get(site, path, box="0,0,0.5,0.5")["scale"] == scale
    several = post(site, "/api/search", like=[one, two]).json["scale"]
    assert several["half"] > scale["half"]  # the mean of two scores more with everything
    assert post(site, "/api/search", like=[one], unlike=[three]).json["scale"] is None


def test_a_region_is_embedded_from_the_original(site: Site, ids: dict[str, int]) -> None:
    path = f"/api/images/{ids['2019/img_0.png']}/similar"
    answer = get(site, path, box="0,0,0.5,0.5")
    assert answer["query"]["box"] == [0, 0, 0.5, 0.5]
    assert answer["items"] != get(site, path)["items"]


def test_an_upload_finds_itself_and_is_not_kept(site: Site, config: Config) -> None:
    get(site, "/api/images/1/similar")  # what the first search keeps is there
    before = sorted(path.name for path in config.index.iterdir())
    body, headers = form((config.gallery / "2019/img_2.png").read_bytes(), k=3)
    answer = site.post("/api/search", body, headers)
    assert answer.status == 200
    assert answer.json["items"][0]["name"] == "img_2.png"
    assert answer.json["items"][0]["score"] > 0.999
    assert answer.json["query"]["upload"] == {"width": 60, "height": 40, "format": "PNG"}
    assert sorted(path.name for path in config.index.iterdir()) == before
    assert get(site, "/api/status")["images"] == 9


def test_an_upload_is_in_memory_once(site: Site, config: Config) -> None:
    photo = encoded(picture(1), "JPEG") + bytes(12 * MiB)  # zeros behind the end are no harm
    body, headers = form(photo)
    tracemalloc.start()
    answer = site.post("/api/search", body, headers)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status == 200
    assert peak_bytes < 1.5 * len(body)


def test_more_like_these_less_like_those(site: Site, ids: dict[str, int]) -> None:
    one, two, three = (ids[f"2019/img_{seed}.png"] for seed in range(3))
    answer = post(site, "/api/search", like=[one, two], unlike=[three], k=20).json
    found = [item["id"] for item in answer["items"]]
    assert not {one, two, three} & set(found)
    assert len(found) == 6


# --- duplicates ----------------------------------------------------------------------------------


def test_duplicates_are_grouped_and_dismissed(site: Site, ids: dict[str, int]) -> None:
    answer = get(site, "/api/duplicates", min_score=0.99)
    twins = [ids["2020/a/twin.png"], ids["2020/bäder/twin.png"]]
    (group,) = [g for g in answer["groups"] if {i["id"] for i in g["images"]} >= set(twins)]
    assert answer["pending"] is False
    assert group["exact"] is True
    assert answer["groups"][0]["kind"] == "identical"
    kept = answer["groups"][0]
    assert (kept["keep"], kept["keep_reason"]) == (min(twins), "first")
    assert get(site, "/api/duplicates", kind="identical")["groups"] == answer["groups"][:1]
    assert get(site, "/api/duplicates", kind="same")["groups"] == []
    assert get(site, "/api/duplicates", kind="alike", min_score=0.99)["groups"] == []
    assert answer["unpatterned"] == 0
    assert post(site, "/api/duplicates/dismiss", ids=twins).json == {"dismissed": 1}
    groups = get(site, "/api/duplicates", min_score=0.99)["groups"]
    assert not [g for g in groups if {i["id"] for i in g["images"]} >= set(twins)]
    assert post(site, "/api/duplicates/restore", ids=twins).json == {"restored": 1}
    groups = get(site, "/api/duplicates", min_score=0.99)["groups"]
    assert [g for g in groups if {i["id"] for i in g["images"]} >= set(twins)]


def test_dismissed_groups_are_listed_until_they_are_restored(
    site: Site, ids: dict[str, int]
) -> None:
    twins = sorted([ids["2020/a/twin.png"], ids["2020/bäder/twin.png"]])
    assert get(site, "/api/duplicates/dismissed") == {"groups": []}
    post(site, "/api/duplicates/dismiss", ids=twins)
    (group,) = get(site, "/api/duplicates/dismissed")["groups"]
    assert sorted(image["id"] for image in group["images"]) == twins
    post(site, "/api/duplicates/restore", ids=twins)
    assert get(site, "/api/duplicates/dismissed") == {"groups": []}


def test_marks_are_kept_and_tell_one_of_two_identical_files(
    site: Site, ids: dict[str, int]
) -> None:
    one, other = ids["2020/a/twin.png"], ids["2020/bäder/twin.png"]
    assert post(site, "/api/marks", ids=[other]).json == {"marked": 1}
    assert post(site, "/api/marks", ids=[other]).json == {"marked": 0}
    marks = get(site, "/api/marks")
    assert [image["id"] for image in marks["items"]] == [other]
    assert marks["bytes"] == marks["items"][0]["bytes"]
    assert site.ask("/api/marks/paths").body.decode() == "2020/bäder/twin.png\n"
    script = site.ask("/api/marks/script").body.decode().splitlines()
    assert script[-2:] == [
        "mkdir -p -- 'lookalike-moved/2020/bäder'",
        "mv -n -- './2020/bäder/twin.png' 'lookalike-moved/2020/bäder/twin.png'",
    ]
    assert post(site, "/api/marks/clear", ids=[one, other]).json == {"unmarked": 1}
    assert get(site, "/api/marks")["total"] == 0
    assert post(site, "/api/marks", ids=[10**15]).status == 404


# --- files ---------------------------------------------------------------------------------------


def test_selected_originals_come_as_one_zip_with_a_list(
    site: Site, ids: dict[str, int], config: Config
) -> None:
    names = ["2020/bäder/twin.png", "2019/img_1.png"]
    answer = site.ask("/api/zip?ids=" + ",".join(str(ids[name]) for name in names))
    assert answer.status == 200
    assert int(answer.headers["content-length"]) == len(answer.body)
    with zipfile.ZipFile(io.BytesIO(answer.body)) as zipped:
        assert zipped.testzip() is None
        assert zipped.namelist() == ["photos.txt", *names]
        assert zipped.read("photos.txt").decode().splitlines() == names
        for name in names:
            assert zipped.read(name) == (config.gallery / name).read_bytes()
    assert site.ask("/api/zip?ids=999999").status == 404


def test_thumbnails_are_kept_for_ever_under_their_version(site: Site, ids: dict[str, int]) -> None:
    image = get(site, f"/api/images/{ids['2019/img_0.png']}")
    answer = site.ask("/" + image["thumb"])
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    assert Image.open(io.BytesIO(answer.body)).size == (60, 40)
    unversioned = site.ask(f"/thumbs/{image['id']}")
    assert "immutable" not in unversioned.headers["cache-control"]
    tag = {"If-None-Match": answer.headers["etag"]}
    assert site.ask("/" + image["thumb"], headers=tag).status == 304


def test_originals_whole_in_part_and_conditionally(
    site: Site, library: Path, ids: dict[str, int]
) -> None:
    content = (library / "2019/img_0.png").read_bytes()
    path = f"/originals/{ids['2019/img_0.png']}"
    whole = site.ask(path)
    assert (whole.status, whole.body) == (200, content)
    assert whole.headers["content-type"] == "image/png"
    assert whole.headers["content-disposition"].startswith("inline")
    assert "sandbox" in whole.headers["content-security-policy"]

    def part(wanted: str, **headers: str) -> Answer:
        return site.ask(path, headers={"Range": wanted, **headers})

    assert (part("bytes=2-5").status, part("bytes=2-5").body) == (206, content[2:6])
    assert part("bytes=2-5").headers["content-range"] == f"bytes 2-5/{len(content)}"
    assert part("bytes=-4").body == content[-4:]
    assert part(f"bytes={len(content) - 3}-").body == content[-3:]
    beyond = part("bytes=9999999-")
    assert (beyond.status, beyond.error) == (416, "requested_range_not_satisfiable")
    assert beyond.headers["content-range"] == f"bytes */{len(content)}"
    assert part("lines=2-5").body == content  # a unit nobody knows is ignored
    assert part("bytes=0-1", **{"If-Range": whole.headers["etag"]}).status == 206
    assert part("bytes=0-1", **{"If-Range": '"other"'}).status == 200
    no_ranges = ("bytes=100-50", "bytes", "bytes=a-b", "bytes=+2-5", "bytes=1_0-2_0", "bytes=0-5;x")
    assert [part(wanted).status for wanted in no_ranges] == [200] * len(no_ranges)
    assert part("bytes=2-18446744073709551615").body == content[2:]
    assert part("Bytes=2-5").headers["content-range"] == f"bytes 2-5/{len(content)}"
    assert site.ask(path, headers={"If-None-Match": whole.headers["etag"]}).status == 304
    changed = whole.headers["last-modified"]
    for since, status in ((changed, 304), ("Mon, 01 Jan 1990 00:00:00 GMT", 200), ("x", 200)):
        assert site.ask(path, headers={"If-Modified-Since": since}).status == status, since
    for name, wanted, status in (
        ("If-Match", f'"other", {whole.headers["etag"]}', 200),
        ("If-Match", "*", 200),
        ("If-Match", '"other"', 412),
        ("If-Match", f"W/{whole.headers['etag']}", 412),
        ("If-Unmodified-Since", changed, 200),
        ("If-Unmodified-Since", "Mon, 01 Jan 1990 00:00:00 GMT", 412),
        ("If-Unmodified-Since", "x", 200),
    ):
        assert part("bytes=0-1", **{name: wanted}).status == (206 if status == 200 else 412), wanted
        assert site.ask(path, headers={name: wanted}).status == status, wanted
    both = {"If-Modified-Since": changed, "If-None-Match": '"other"'}
    assert site.ask(path, headers=both).status == 200
    head = site.ask(path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(content))


def test_a_raw_file_beside_its_picture_is_a_second_file_of_one_photo(
    site: Site, ids: dict[str, int]
) -> None:
    id = ids["tall <img onerror=alert(1)>.jpg"]
    (raw,) = get(site, f"/api/images/{id}")["raws"]
    assert raw == {"name": "tall <img onerror=alert(1)>.CR2", "original": f"originals/{id}?raw=1"}
    answer = site.ask(f"/{raw['original']}&download=1")
    assert answer.body == b"what the sensor saw"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["content-disposition"].endswith(".CR2")
    assert answer.headers["etag"] != site.ask(f"/originals/{id}").headers["etag"]
    missing = site.ask(f"/originals/{id}?raw=2")
    assert (missing.status, missing.error) == (404, "not_found")
    assert site.ask(f"/originals/{id}?raw=-1").status == 400


def test_an_edit_that_keeps_size_and_time_is_sent_again(
    site: Site, library: Path, ids: dict[str, int]
) -> None:
    path, file = f"/originals/{ids['2019/img_1.png']}", library / "2019/img_1.png"
    before, stat, kept = site.ask(path), file.stat(), file.read_bytes()
    edited = kept[:-1] + bytes([kept[-1] ^ 1])
    until(lambda: time.time() >= int(stat.st_ctime) + 1)  # If-Modified-Since has whole seconds
    try:
        new = library / ".new"
        new.write_bytes(edited)
        os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        new.rename(file)
        for condition in (
            {"If-None-Match": before.headers["etag"]},
            {"If-Modified-Since": before.headers["last-modified"]},
        ):
            answer = site.ask(path, headers=condition)
            assert (answer.status, answer.body) == (200, edited), condition
        resumed = {"Range": "bytes=1-", "If-Range": before.headers["etag"]}
        assert site.ask(path, headers=resumed).status == 200
    finally:
        file.write_bytes(kept)
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_originals_leave_without_their_location_when_asked_for(
    config: Config, ids: dict[str, int]
) -> None:
    gallery = Gallery(replace(config, strip_location=True))
    app = make_app(gallery, Watcher(config, watch=False), Review(gallery.reader))
    with serving(app, config) as stripping:
        answer = stripping.ask(f"/originals/{ids['tall <img onerror=alert(1)>.jpg']}")
        assert answer.status == 200
        with Image.open(io.BytesIO(answer.body)) as image:
            assert dict(image.getexif()) == {0x0112: 6}
        assert answer.headers["content-length"] == str(len(answer.body))
        assert "stripped" in answer.headers["etag"]
        id = ids["tall <img onerror=alert(1)>.jpg"]
        assert stripping.ask(f"/originals/{id}?raw=1").error == "not_strippable"
    gallery.close()


def test_a_download_has_its_name_whatever_it_is(site: Site, ids: dict[str, int]) -> None:
    path = f"/originals/{ids['tall <img onerror=alert(1)>.jpg']}?download=1"
    disposition = site.ask(path).headers["content-disposition"]
    assert disposition.startswith("attachment; filename*=UTF-8''tall%20%3Cimg")


def test_the_page_and_its_files_are_served(site: Site) -> None:
    page = site.ask("/")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert site.ask("/js/main.js").status == 200
    assert site.ask("/manifest.webmanifest").status == 200


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/images/999", 404),
        ("/api/images/999/similar", 404),
        ("/api/images/0", 404),
        ("/api/images/99999999999999999999999", 404),
        ("/api/images/-1", 404),
        ("/thumbs/999", 404),
        ("/originals/999", 404),
        ("/api/nothing", 404),
        ("/images/README.md", 404),
        ("/api/images?limit=0", 400),
        ("/api/images?limit=1001", 400),
        ("/api/images?limit=ten", 400),
        ("/api/images?sort=size", 400),
        ("/api/images?cursor=zz", 400),
        ("/api/images?from=yesterday", 400),
        ("/api/images?from=2020-01-01&to=2019-01-01", 400),
        ("/api/images?orientation=flat", 400),
        ("/api/images?format=" + "a," * 50, 400),
        ("/api/images?ids=1,x", 400),
        ("/api/images?ids=" + "9" * 5000, 400),
        ("/api/zip?ids=" + "9" * 5000, 400),
        ("/api/images?folder=%ff", 400),
        ("/api/images/1/similar?k=0", 400),
        ("/api/images/1/similar?k=1001", 400),
        ("/api/images/1/similar?k=nan", 400),
        ("/api/images/1/similar?offset=-1", 400),
        ("/api/images/1/similar?min_score=nan", 400),
        ("/api/images/1/similar?min_score=2", 400),
        ("/api/images/1/similar?box=0,0,1", 400),
        ("/api/images/1/similar?box=0,0,0,0", 400),
        ("/api/images/1/similar?box=0.5,0,0.6,1", 400),
        ("/api/images/1/similar?box=nan,0,1,1", 400),
        ("/api/images/1/similar?box=0,0,0.1,0.1", 400),
        ("/api/duplicates?min_score=0.1", 400),
        ("/api/duplicates?min_score=x", 400),
        ("/api/duplicates?kind=equal", 400),
    ],
)
def test_a_bad_request_says_why(site: Site, path: str, status: int) -> None:
    answer = site.ask(path)
    assert answer.status == status, answer.body
    assert answer.error


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"like": []},
        {"like": "x"},
        {"like": [1.5]},
        {"like": [True]},
        {"like": [0]},
        {"like": [1], "unlike": [1]},
        {"like": list(range(1, 66))},
        {"like": [1], "k": 0},
        {"like": [1], "weight": "much"},
        {"like": [1], "weight": -1},
        {"like": [1], "weight": 10**400},
        {"like": [1], "min_score": -(10**400)},
        {"like": [1], "k": 10**400},
        {"like": [1], "folder": 7},
        {"like": {"a": 1}},
    ],
    ids=lambda values: str(values)[:40],
)
def test_a_bad_combined_query_says_why(site: Site, values: Json) -> None:
    answer = post(site, "/api/search", **values)
    assert answer.status == 400, answer.body
    assert answer.error


def test_an_unknown_id_in_a_combined_query_is_404(site: Site) -> None:
    assert post(site, "/api/search", like=[999]).status == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"1", b"\xff", b"[" * 5000])
def test_a_body_that_is_no_json_object_says_so(site: Site, body: bytes) -> None:
    assert site.post("/api/search", body).status == 400


def test_json_has_its_limit_even_if_it_says_that_it_is_a_form(site: Site) -> None:
    form = {"Content-Type": "multipart/form-data; boundary=edge"}
    body = b'{"ids":[' + b"[]," * 500_000 + b"[]]}"
    answer = site.post("/api/duplicates/dismiss", body, form)
    assert (answer.status, answer.error) == (413, "too_large")


@pytest.mark.parametrize(
    ("image", "status"),
    [
        (lambda: None, 400),
        (lambda: b"", 422),
        (lambda: b"no image at all", 422),
        (lambda: encoded(picture(1), "JPEG")[:200], 422),
    ],
    ids=["no file", "empty", "text", "truncated"],
)
def test_a_bad_upload_says_why(site: Site, image: Callable[[], bytes | None], status: int) -> None:
    body, headers = form(image())
    answer = site.post("/api/search", body, headers)
    assert answer.status == status, answer.body
    assert answer.error


def test_an_upload_that_takes_too_much_memory_is_refused_from_its_header(site: Site) -> None:
    huge = bytearray(encoded(Image.new("RGB", (1, 1))))
    huge[16:24] = (20_000).to_bytes(4, "big") * 2
    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4, "big")
    body, headers = form(bytes(huge))
    answer = site.post("/api/search", body, headers)
    assert answer.status == 422
    assert "--decode-memory" in answer.json["error"]["message"]


def test_a_vanished_original_is_404_and_an_offline_library_503(
    site: Site, library: Path, ids: dict[str, int]
) -> None:
    path = f"/originals/{ids['2019/img_5.png']}"
    file = library / "2019/img_5.png"
    file.rename(file.with_suffix(".away"))
    assert site.ask(path).status == 404
    file.with_suffix(".away").rename(file)
    library.rename(library.with_name("elsewhere"))
    try:
        assert site.ask(path).status == 503
        assert get(site, "/api/status")["library"]["online"] is False
        assert site.ask(f"/thumbs/{ids['2019/img_5.png']}").status == 200
    finally:
        library.with_name("elsewhere").rename(library)
