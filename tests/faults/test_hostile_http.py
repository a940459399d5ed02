"""The whole server under attack, with the real model and a hostile library, over real sockets.

What must come out of it: no leak (nothing but images by id, nothing from outside the library), no
effect (the library and the index unchanged), no answer 500, no hang, and service for everyone else.
"""

from __future__ import annotations

import random
import shutil
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from edge_app import memory
from edge_app.api.files import page
from edge_app.api.routes import make_app
from edge_app.cli.arguments import main
from edge_app.config import Config, MiB
from edge_app.indexing.process import IndexingStatus
from edge_app.indexing.watch import Watcher
from edge_app.search.alike.groups import Review
from edge_app.search.gallery import Gallery
from edge_app.server.bounds import BOUNDS
from tests import hostile
from tests.serving import Answer, Site, parse_answer, serving
from tools.testing.waiting import PATIENCE_S

pytestmark = pytest.mark.model

ROUTES = [
    "/", "/js/main.js", "/api/status", "/api/images", "/api/images/1", "/api/images/1/similar",
    "/api/layout", "/api/folders", "/api/facets", "/api/rejected", "/api/duplicates",
    "/api/openapi.json", "/thumbs/1", "/originals/1", "/healthz", "/metrics",
]  # fmt: skip
PASSING = ("catalog.db-shm", "lock", "dismissed.txt", "marked.txt", "duplicates.npz")
LEAKS = [hostile.CANARY.encode(), b"root:x:0:", b"SQLite format 3", b"from __future__", b"PATH="]


@pytest.fixture(scope="module")
def config(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Config:
    home = tmp_path_factory.mktemp("home")
    (home / "library").mkdir()
    hostile.make_library(home / "library")
    config = Config(gallery=home / "library", index=home / "index", model=model, port=0)
    assert (
        main(["index", *(f"--{k}={getattr(config, k)}" for k in ("gallery", "index", "model"))])
        == 0
    )
    return config


@pytest.fixture(scope="module")
def statuses() -> Counter[int]:
    """How often the server has answered what, in all tests of this file."""
    return Counter()


@pytest.fixture(scope="module")
def page_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The page's files, with a photo in the default gallery beside them."""
    home = tmp_path_factory.mktemp("page") / "static"
    shutil.copytree(page.STATIC, home, ignore=shutil.ignore_patterns("images"))
    (home / "images").mkdir()
    (home / "images/photo.jpg").write_text(hostile.CANARY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "STATIC", home)
        yield


@pytest.fixture(scope="module")
def site(config: Config, page_files: None, statuses: Counter[int]) -> Iterator[Site]:
    gallery = Gallery(config)
    watcher = Watcher(config, watch=False)
    watcher.status = IndexingStatus()
    review = Review(gallery.reader)
    app = make_app(gallery, watcher, review)

    def counted(environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, *rest: Any) -> Any:
            statuses[int(status[:3])] += 1
            return start_response(status, *rest)

        return app(environ, start)

    with serving(counted, config) as site:
        while site.ask("/api/duplicates").json["pending"]:  # kept in the index when found
            time.sleep(0.05)
        assert site.ask("/api/images/1/similar").status == 200  # the scale of scores is kept too
        yield site
    review.close()
    gallery.close()


@pytest.fixture(autouse=True)
def nothing_has_happened(config: Config, site: Site, statuses: Counter[int]) -> Iterator[None]:
    """Around every attack: nothing is changed, nothing was a mistake, and service goes on."""
    files, answers = state(config), statuses.copy()
    yield
    assert state(config) == files
    assert not [status for status in statuses - answers if status >= 500 and status != 503]
    assert site.ask("/thumbs/1").status == 200


def state(config: Config) -> list[tuple[str, bytes]]:
    """The library and the index, byte for byte, but for what a visitor may change."""
    files = [*config.gallery.iterdir(), *config.index.iterdir()]
    return sorted(
        (path.name, blake2b(path.read_bytes()).digest())
        for path in files
        if path.is_file() and path.name not in PASSING
    )


def images(site: Site) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = site.ask("/api/images?limit=1000").json["items"]
    return items


# --- who asks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ROUTES)
def test_no_route_answers_to_a_foreign_name(site: Site, path: str) -> None:
    assert site.ask(path).status == 200
    answer = site.ask(path, headers={"Host": "evil.example"})
    assert (answer.status, answer.error) == (421, "misdirected_request")


def cross_site_requests() -> list[tuple[str, str, dict[str, str]]]:
    """30 of what a page elsewhere can make a browser send."""
    kinds = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b")
    posts = [
        ("POST", path, {"Content-Type": kind, **headers})
        for path in ("/api/duplicates/dismiss", "/api/search")
        for kind in kinds
        for headers in (
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://evil.example", "X-Lookalike": "1"},
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        )
    ]
    others = [
        (method, "/api/images/1", {"Origin": "http://evil.example"}) for method in ("PUT", "DELETE")
    ]
    gets = [
        ("GET", path, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"})
        for path in ("/thumbs/1", "/originals/1", "/api/images", "/api/duplicates")
    ]
    return posts + others + gets


def test_no_request_of_another_site_is_answered(site: Site, config: Config) -> None:
    requests = cross_site_requests()
    assert len(requests) == 30
    for method, path, headers in requests:
        body = b'{"ids": [1, 2]}' if method != "GET" else None
        answer = site.ask(path, method, headers, body)
        assert answer.status == 403, (method, path, headers)
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert not (config.index / "dismissed.txt").exists()


# --- what is asked for ---------------------------------------------------------------------------


def test_500_paths_reach_no_file(site: Site) -> None:
    found = Counter[int]()
    for path in hostile.traversals(500):
        answer = raw_get(site, path)
        assert not [leak for leak in LEAKS if leak in answer.body], path
        assert not answer.headers.get("content-type", "").startswith("image/"), path
        found[answer.status] += 1
    assert set(found) <= {400, 403, 404, 405}, found


def raw_get(site: Site, path: str) -> Answer:
    """A GET whose path is sent as it is."""
    with site.connect() as connection:
        connection.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return parse_answer(connection)


def test_the_default_gallery_is_not_reached_through_the_page_s_files(site: Site) -> None:
    for path in ("/images/photo.jpg", "/css/../images/photo.jpg", "/css/..%2fimages%2fphoto.jpg"):
        assert raw_get(site, path).status == 404, path


def test_links_out_of_the_library_are_no_images(site: Site) -> None:
    assert not {"link.png", "linked/secret.png"} & {image["path"] for image in images(site)}


def test_a_file_swapped_for_a_link_after_indexing_is_not_followed(
    site: Site, config: Config
) -> None:
    (image,) = [image for image in images(site) if image["path"] == "exif 0.jpg"]
    original = config.gallery / image["path"]
    kept = original.rename(config.gallery.parent / "kept.jpg")
    try:
        original.symlink_to(config.gallery.parent / "outside/secret.txt")
        answer = site.ask("/" + image["original"])
        assert answer.status >= 400
        assert hostile.CANARY.encode() not in answer.body
    finally:
        original.unlink()
        kept.rename(original)


# --- what the library holds ----------------------------------------------------------------------


def test_50_hostile_names_and_exif_texts_stay_text(site: Site) -> None:
    listed = images(site)
    texts = [image for image in listed if image["path"].startswith("exif ")]
    names = [image for image in listed if image["path"].endswith(".png") and image not in texts]
    names = [image for image in names if not image["path"].startswith(("appended", "comment"))]
    assert (len(names), len(texts)) == (25, 25)
    for image in names + texts:
        for path in (f"/api/images/{image['id']}", f"/api/images/{image['id']}/similar"):
            answer = site.ask(path)
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            answer.body.decode("utf-8")
        download = site.ask(f"/{image['original']}?download=1")
        assert download.status == 200
        disposition = download.headers["content-disposition"]
        assert disposition.startswith("attachment; filename*=UTF-8''")
        assert disposition.isascii()
        assert disposition.isprintable()
        assert "set-cookie" not in download.headers


def test_20_polyglots_are_images_or_rejected(site: Site) -> None:
    made = hostile.polyglots()
    assert len(made) == 20
    served = {image["path"]: image for image in images(site)}
    types = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif"}
    for name, content in made.items():
        if name not in served:
            continue
        answer = site.ask("/" + served[name]["original"])
        assert answer.body == content
        assert answer.headers["content-type"] == types[name.rpartition(".")[2]]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("sandbox;")
        thumbnail = site.ask("/" + served[name]["thumb"])
        assert thumbnail.headers["content-type"] == "image/jpeg"
        assert b"alert" not in thumbnail.body
        assert b"<?php" not in thumbnail.body


# --- how it is asked -----------------------------------------------------------------------------

OURS = {"X-Lookalike": "1"}
PART = b'--edge\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'


def malformed_forms() -> list[tuple[str, bytes]]:
    """Content types and bodies that are no multipart form, or a strange one."""
    edge = "multipart/form-data; boundary=edge"
    jpeg = hostile.encoded("JPEG")
    whole = PART + jpeg + b"\r\n--edge--\r\n"
    types = [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=other",
        "multipart/form-data; boundary=" + "x" * 500,
        'multipart/form-data; boundary="edge',
        "multipart/form-data; boundary=\x01",
        "multipart/form-data; charset=nonsense; boundary=edge",
        "multipart/form-data; boundary=edge; boundary=other",
        "multipart/form-data;;;boundary=edge",
    ]
    disposition = b'--edge\r\nContent-Disposition: form-data; name="%b"'
    bodies = [
        b"",
        b"--edge",
        b"--edge--",
        b"--edge--\r\n",
        b"\r\n--edge--",
        PART,
        jpeg,
        whole[:-8],
        whole.replace(b"image", b"picture", 1),
        whole.replace(b"name=", b"nome="),
        whole.replace(b"form-data", b"attachment"),
        whole.replace(b"\r\n", b"\n"),
        whole.replace(b"filename", b"file"),
        whole.replace(b"a.jpg", b"../../../etc/passwd"),
        whole.replace(b"a.jpg", b"\x00\xff\r\n"),
        whole.replace(jpeg, b""),
        whole.replace(jpeg, b"\xff\xd8\xff"),
        whole.replace(jpeg, b"\0" * 99_999),
        b"--edge\r\n\r\n\r\n--edge--\r\n",
        b"--edge\r\nContent-Disposition: form-data\r\n\r\nx\r\n--edge--\r\n",
        b"--edge\r\n" + b"X: y\r\n" * 5000 + b"\r\nx\r\n--edge--\r\n",
        disposition % b"image" + b"\r\nContent-Length: -1\r\n\r\nx",
        disposition % (b"n" * 9000) + b"\r\n\r\nx\r\n--edge--",
        disposition % b"k" + b"\r\n\r\n\xff\xfe\r\n" + whole,
        disposition % b"box" + b"\r\n\r\nnan,0,1,1\r\n" + whole,
        disposition % b"\xff\xfe" + b"\r\n\r\nx\r\n" + whole,
        PART * 2000 + b"--edge--\r\n",
        (PART + b"x\r\n") * 300 + b"--edge--\r\n",
    ]
    return [(kind, whole) for kind in types] + [(edge, body) for body in bodies]


def test_malformed_forms_are_refused_with_a_reason(site: Site) -> None:
    for kind, body in malformed_forms():
        answer = site.post("/api/search", body, {"Content-Type": kind})
        assert answer.status in (200, 400, 413, 415, 422), (kind, body[:80], answer)
        if answer.status != 200:
            assert answer.error


def test_an_upload_leaves_nothing_on_the_disk(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def spool(*_: object, **__: object) -> None:
        raise AssertionError("an upload goes to a temporary file")

    for maker in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, maker, spool)
    body = PART + hostile.encoded("JPEG") + b"\0" * (20 * MiB) + b"\r\n--edge--\r\n"
    answer = site.post("/api/search", body, {"Content-Type": "multipart/form-data; boundary=edge"})
    assert answer.status == 200


def test_the_memory_of_large_uploads_is_given_back(site: Site, config: Config) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=edge"}

    def upload(_: int) -> int:
        body = PART + hostile.encoded("JPEG") + bytes(31 * MiB) + b"\r\n--edge--\r\n"
        return site.post("/api/search", body, kind).status

    before = memory.resident_bytes()
    for _ in range(2):
        with ThreadPoolExecutor(BOUNDS.uploads) as senders:
            assert list(senders.map(upload, range(BOUNDS.uploads))) == [200] * 4
    assert memory.resident_bytes() - before < 64 * MiB


REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n",
    b"GET /api/images?limit=5&sort=-date&folder=a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /thumbs/1?v=0 HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: \"x\"\r\n\r\n",
    b"GET /originals/2 HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-9\r\n\r\n",
    b"HEAD /originals/2 HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
    b"GET /api/images/3/similar?k=5&box=0,0,1,1 HTTP/1.1\r\nHost: [::1]:5000\r\n\r\n",
    b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nX-Lookalike: 1\r\nContent-Length: 27\r\n"
    b'Content-Type: application/json\r\n\r\n{"like":[1],"unlike":[2,3]}',
    b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nX-Lookalike: 1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\na\r\n{\"like\":[1\r\n2\r\n]}\r\n0\r\n\r\n",
    b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nX-Lookalike: 1\r\nContent-Length: 190\r\n"
    b"Content-Type: multipart/form-data; boundary=edge\r\n\r\n"
    + (PART + b"\xff\xd8\xff\xe0" + b"x" * 70 + b"\r\n--edge--\r\n"),
]  # fmt: skip


def test_4700_damaged_requests_are_answered_or_dropped(site: Site) -> None:
    def attack(data: bytes) -> bytes:
        answer = site.send(data)
        assert not [leak for leak in LEAKS if leak in answer], data
        return answer[9:12]

    with ThreadPoolExecutor(8) as attackers:
        answers = Counter(attackers.map(attack, hostile.mutations(REQUESTS, 4700)))
    assert answers.total() == 4700
    assert answers[b"200"] > 50  # some damage doesn't matter
    assert answers[b"400"] > 1000
    assert answers[b"500"] == 0


def test_every_answer_to_requests_made_from_its_own_description_has_the_shape_it_says(
    site: Site, statuses: Counter[int]
) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="tests/requirements.txt has it")
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis.errors import Unsatisfiable
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    base = f"http://127.0.0.1:{site.port}"
    schema = schemathesis.openapi.from_url(f"{base}/api/openapi.json")
    modes = list(schemathesis.GenerationMode)
    before = statuses.total()
    answered = Counter[int]()
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in modes:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=25,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def attack(case: Any) -> None:
                answer = case.call(base_url=base, headers=OURS, timeout=PATIENCE_S)
                assert answer.status_code < 500, (case.as_curl_command(), answer.text)
                case.validate_response(
                    answer,
                    checks=[
                        status_code_conformance,
                        content_type_conformance,
                        response_schema_conformance,
                    ],
                )
                answered[answer.status_code] += 1

            with suppress(Unsatisfiable):  # a route without parameters can't be asked wrongly
                attack()
    assert statuses.total() - before >= 400
    assert {200, 400, 404} <= answered.keys()  # refusals have a shape as well


# --- who takes their time ------------------------------------------------------------------------


def test_readers_that_stop_reading_an_original_hold_nobody_up(site: Site, config: Config) -> None:
    (image,) = [image for image in images(site) if image["path"] == "exif 1.jpg"]
    original = config.gallery / image["path"]
    content = original.read_bytes()
    try:
        with original.open("ab") as file:
            file.truncate(64 * MiB)
        with ExitStack() as stack:
            for _ in range(3 * config.limits.server_threads):
                connection = stack.enter_context(socket.socket())
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect((site.host, site.port))
                request = f"GET /{image['original']} HTTP/1.1\r\nHost: localhost\r\n\r\n"
                connection.sendall(request.encode())
            site.wait_until_read()
            for path in ("/thumbs/1", "/api/status"):
                assert site.ask(path).status == 200
            # Or the answers have only come because these were cut off at last.
            assert site.open_connections() >= 3 * config.limits.server_threads
    finally:
        original.write_bytes(content)


def test_all_attacks_together_hold_nobody_up(site: Site) -> None:
    """Idle and dripping connections, half uploads and malformed requests while others browse."""
    chance = random.Random(7)
    with ExitStack() as stack:
        for _ in range(400):
            connection = stack.enter_context(site.connect())
            start = chance.choice([b"", b"GET / HT", REQUESTS[-1][:200], b"\x16\x03\x01", b"\r\n"])
            connection.sendall(start)
        answers = [site.ask(f"/thumbs/{1 + number % 40}").status for number in range(200)]
    assert answers == [200] * 200
