"""monitor and traffic: what other programs watch the server by, over real sockets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_app.api.routes import make_app
from edge_app.cli.commands.info import describe
from edge_app.cli.logs import JsonLines
from edge_app.config import Config
from edge_app.index.format.records import RejectedRecord
from edge_app.index.write.batch import Batch
from edge_app.indexing.process import IndexingStatus
from edge_app.indexing.watch import Watcher
from edge_app.search.alike.groups import DUPLICATE_SCORE, Review
from edge_app.search.gallery import BOX_PX, QUERY_IMAGES, Gallery
from edge_app.server.bounds import Bounds
from tests.indexes import new_image, writer_of
from tests.serving import Site, serving

SAMPLE = re.compile(r'([a-z_]+)(\{(?:[a-z]+="(?:[^"\\]|\\.)*",?)+\})? (\S+)')
UNITS = ("_bytes", "_seconds", "_total", "_info", "_files", "_images", "_rows", "_fds", "_state")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Three images and a rejected file, of a library that is there."""
    (tmp_path / "library").mkdir()
    rejected = [RejectedRecord("no.jpg", 1, 1, "no image")]
    with writer_of(tmp_path) as writer:
        writer.commit(Batch([new_image(f"{name}.jpg") for name in "abc"], rejected))
    return Config(gallery=tmp_path / "library", index=tmp_path / "index", port=0)


@pytest.fixture
def gallery(config: Config) -> Iterator[Gallery]:
    gallery = Gallery(config)
    yield gallery
    gallery.close()


@pytest.fixture
def site(config: Config, gallery: Gallery) -> Iterator[Site]:
    watcher = Watcher(config, watch=False)
    watcher.status = IndexingStatus("indexing", done=2, total=5)
    app = make_app(gallery, watcher, Review(gallery.reader))
    with serving(app, config) as site:
        yield site


def figures(site: Site) -> dict[str, float]:
    """Every sample of /metrics, its labels as they are written."""
    lines = site.ask("/metrics").body.decode().splitlines()
    found = [SAMPLE.fullmatch(line) for line in lines if not line.startswith("#")]
    return {f"{match[1]}{match[2] or ''}": float(match[3]) for match in found if match}


def test_every_line_is_of_the_format_and_every_name_says_its_unit(site: Site) -> None:
    answer = site.ask("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families: list[str] = []
    for line in answer.body.decode().splitlines():
        if line.startswith("# HELP "):
            families.append(line.split()[2])
            assert line.endswith("."), line
        elif line.startswith("# TYPE "):
            assert line.split()[2] == families[-1]
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert re.fullmatch(rf"{families[-1]}(_bucket|_sum|_count)?", match[1])
    assert len(families) == len(set(families))
    unitless = [name for name in families if not name.endswith(UNITS)]
    assert unitless == [
        "lookalike_index_readable", "lookalike_library_online", "lookalike_source_online",
            "lookalike_source_events",
        "lookalike_http_connections",
    ]  # fmt: skip


def test_the_index_and_its_indexing_are_told(site: Site, config: Config) -> None:
    told = figures(site)
    assert told["lookalike_index_readable"] == told["lookalike_library_online"] == 1
    assert told["lookalike_index_images"] == told["lookalike_index_live_rows"] == 3
    assert told["lookalike_index_rejected_files"] == 1
    assert told["lookalike_index_offline_images"] == told["lookalike_index_dead_rows"] == 0
    sizes = [path.stat().st_size for path in config.index.iterdir()]
    assert told["lookalike_index_size_bytes"] == sum(sizes)
    assert told['lookalike_indexing_state{state="indexing"}'] == 1
    assert told['lookalike_indexing_state{state="idle"}'] == 0
    assert (told["lookalike_indexing_done_files"], told["lookalike_indexing_files"]) == (2, 5)


def test_status_metrics_and_info_tell_the_same(site: Site, config: Config) -> None:
    status, told, info = site.ask("/api/status").json, figures(site), describe(config)
    for name, metric in (
        ("images", "lookalike_index_images"),
        ("rejected", "lookalike_index_rejected_files"),
        ("offline", "lookalike_index_offline_images"),
    ):
        assert status[name] == told[metric] == info["index"][name]
    assert status["generation"] == info["index"]["generation"]
    assert status["search"]["kernel"] == info["index"]["search kernel"]
    rows = told["lookalike_index_live_rows"] + told["lookalike_index_dead_rows"]
    assert rows == info["index"]["rows"]
    indexing = status["indexing"]
    assert (indexing["state"], indexing["done"], indexing["total"]) == ("indexing", 2, 5)


def test_the_revision_is_another_after_every_commit_and_else_the_same(
    site: Site, tmp_path: Path
) -> None:
    def revision() -> str:
        return str(site.ask("/api/status").json["revision"])

    first = revision()
    assert revision() == first
    with writer_of(tmp_path) as writer:
        writer.commit(Batch([new_image("a.jpg", version=1)]))  # in the place of another
    assert revision() != first


def test_the_page_is_told_the_limits_it_keeps_to(site: Site, config: Config) -> None:
    assert site.ask("/api/status").json["limits"] == {
        "query_images": QUERY_IMAGES,
        "box_px": BOX_PX,
        "duplicate_score": DUPLICATE_SCORE,
    }


def test_searches_are_counted_and_timed(site: Site) -> None:
    before = figures(site)["lookalike_search_duration_seconds_count"]
    for _ in range(3):
        assert site.ask("/api/images/1/similar?k=2").status == 200
    told = figures(site)
    assert told["lookalike_search_duration_seconds_count"] - before == 3
    assert told['lookalike_search_duration_seconds_bucket{le="+Inf"}'] == 3


def test_answers_and_refusals_are_counted_by_status(site: Site) -> None:
    for path in ("/api/status", "/api/status", "/nothing", "/api/images?limit=x"):
        site.ask(path)
    site.ask("/", headers={"Host": "evil.example"})
    site.ask("/", "BREW", {"X-Lookalike": "1"})
    site.send(b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n")
    told = figures(site)

    def count(method: str, code: int) -> float:
        return told[f'lookalike_http_requests_total{{method="{method}",code="{code}"}}']

    assert (count("GET", 200), count("GET", 404), count("GET", 400)) == (2, 1, 1)
    assert (count("GET", 421), count("other", 405)) == (1, 1)
    assert told['lookalike_http_refused_total{code="505"}'] == 1
    assert told["lookalike_http_request_duration_seconds_count"] == 6
    assert told["lookalike_http_connections"] == 1  # ours


def test_memory_and_time_of_the_process_are_told(site: Site) -> None:
    told = figures(site)
    assert told["process_resident_memory_bytes"] > 20e6  # Python and NumPy alone
    assert told["lookalike_memory_available_bytes"] > 0
    assert told["process_cpu_seconds_total"] > 0
    assert told["process_open_fds"] > 3
    assert told["process_start_time_seconds"] > 1.6e9


def test_a_server_is_well_while_its_index_can_be_read(site: Site, config: Config) -> None:
    assert (site.ask("/healthz").status, site.ask("/healthz").json) == (200, {"status": "ok"})
    assert site.ask("/healthz", "HEAD").body == b""
    (config.index / "catalog.db").write_bytes(b"no database" * 1000)
    answer = site.ask("/healthz")
    assert (answer.status, answer.error) == (503, "index_unavailable")
    assert str(config.index.parent) not in answer.body.decode()
    told = figures(site)  # what can be told still is
    assert told["lookalike_index_readable"] == 0
    assert told["process_open_fds"] > 3


def test_before_the_first_index_run_it_is_well_and_empty(tmp_path: Path) -> None:
    config = Config(gallery=tmp_path / "none", index=tmp_path / "index", port=0)
    gallery = Gallery(config)
    watcher = Watcher(config, watch=False)
    review = Review(gallery.reader)
    with serving(make_app(gallery, watcher, review), config) as site:
        assert site.ask("/healthz").status == 200
        told = figures(site)
    gallery.close()
    assert told["lookalike_index_images"] == told["lookalike_library_online"] == 0


def test_a_full_server_says_what_it_refused(config: Config, gallery: Gallery) -> None:
    full = Config(index=config.index, port=0)
    app = make_app(gallery, Watcher(full, watch=False), Review(gallery.reader))
    with serving(app, full, bounds=Bounds(header_bytes=300)) as site:
        assert site.ask("/", headers={"X-Long": "x" * 500}).status == 431
        assert figures(site)['lookalike_http_refused_total{code="431"}'] == 1


def test_the_access_log_has_fields_for_programs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="edge_app.access")
    app = make_app(gallery := Gallery(Config(index=Path("none"))), Watcher(Config(), watch=False),
        Review(gallery.reader))  # fmt: skip
    with serving(app, Config(port=0, access_log=True)) as site:
        site.ask("/healthz")
    (record,) = [record for record in caplog.records if record.name == "edge_app.access"]
    line = json.loads(JsonLines().format(record))
    assert line["message"].startswith('127.0.0.1 "GET /healthz" 200 ')
    assert (line["method"], line["uri"], line["status"]) == ("GET", "/healthz", 200)
    assert line["bytes"] == len(b'{"status":"ok"}')
    assert 0 < line["seconds"] < 30
