"""compress: gzip where it pays, with validators that stay true; HEAD is GET without the body."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge_app.guard.compress import BytesCache, accepts_gzip
from tests.serving import answering, serving

TEXT = b"the same words again and again, " * 100
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


def test_text_is_compressed_for_who_accepts_it() -> None:
    with serving(answering(TEXT, "application/json", ("ETag", '"v1"'))) as site:
        plain, packed = site.ask(), site.ask(headers=GZIP)
    assert (plain.body, plain.headers["etag"]) == (TEXT, '"v1"')
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed.body) == TEXT
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-length"] == str(len(packed.body))
    assert packed.headers["etag"] == '"v1-gzip"'  # other bytes, so another strong ETag
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("body", "content_type", "headers"),
    [
        (TEXT, "image/jpeg", GZIP),
        (b"short", "application/json", GZIP),
        (TEXT, "text/html", {"Accept-Encoding": "br"}),
        (TEXT, "text/html", {"Accept-Encoding": "gzip;q=0"}),
        (TEXT, "text/html", GZIP | {"Range": "bytes=0-9"}),
    ],
)
def test_everything_else_passes_unchanged(
    body: bytes, content_type: str, headers: dict[str, str]
) -> None:
    with serving(answering(body, content_type)) as site:
        answer = site.ask(headers=headers)
    assert answer.body == body
    assert "content-encoding" not in answer.headers


def test_reads_the_weights_of_accept_encoding() -> None:
    for wanted in ("gzip", "br, GZIP", "gzip;q=0.5", "identity;q=1, gzip ; q=0.001"):
        assert accepts_gzip(wanted), wanted
    for unwanted in ("", "br", "gzip;q=0", "gzip; q=0.000", "x-gzip2", "identity"):
        assert not accepts_gzip(unwanted), unwanted


def conditional(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
    """An app that knows one version."""
    if environ.get("HTTP_IF_NONE_MATCH") == '"v1"':
        start_response("304 Not Modified", [("ETag", '"v1"')])
        return []
    start_response(
        "200 OK",
        [("Content-Type", "text/css"), ("ETag", '"v1"'), ("Content-Length", str(len(TEXT)))],
    )
    return [TEXT]


def test_either_version_of_a_body_is_revalidated_by_its_own_etag() -> None:
    with serving(conditional) as site:
        for headers, etag in (({}, '"v1"'), (GZIP, '"v1-gzip"')):
            assert site.ask(headers=headers).headers["etag"] == etag
            again = site.ask(headers=headers | {"If-None-Match": etag})
            assert (again.status, again.headers["etag"], again.body) == (304, etag, b"")


def test_head_has_the_headers_of_get_and_no_body() -> None:
    with serving(conditional) as site:
        for headers in ({}, GZIP):
            get, head = site.ask(headers=headers), site.ask(method="HEAD", headers=headers)
            assert head.body == b""
            assert {**head.headers, "date": ""} == {**get.headers, "date": ""}


def test_head_of_an_answer_without_length_has_no_last_chunk() -> None:
    def app(environ: Any, start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"one", b"two"])

    with serving(app) as site:
        assert site.ask().body == b"onetwo"
        answer = site.send(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert b"\r\n0\r\n" not in answer


def test_a_body_with_a_strong_etag_is_compressed_once_for_each_address() -> None:
    read: list[str] = []
    closed: list[str] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            read.append("read")
            yield TEXT

        def close(self) -> None:
            closed.append("closed")

    def app(environ: Any, start_response: Callable[..., Any]) -> Body:
        headers = [("Content-Type", "text/css"), ("Content-Length", str(len(TEXT)))]
        start_response("200 OK", [*headers, ("ETag", environ["QUERY_STRING"] or '"v1"')])
        return Body()

    with serving(app) as site:
        for path in ("/a", "/a", "/b", '/a?W/"weak"', '/a?W/"weak"'):
            assert gzip.decompress(site.ask(path, headers=GZIP).body) == TEXT
    assert len(read) == 4  # /a once, /b, and the weak one each time
    assert len(closed) == 5


def test_the_cache_forgets_what_was_used_longest_ago() -> None:
    cache = BytesCache(10)
    cache.put("a", b"1234")
    cache.put("b", b"1234")
    assert cache.get("a") == b"1234"
    cache.put("c", b"1234")
    assert [cache.get(key) for key in "abc"] == [b"1234", None, b"1234"]
    cache.put("c", b"12")
    cache.put("d", b"1234")
    assert [cache.get(key) for key in "acd"] == [b"1234", b"12", b"1234"]
    cache.put("e", b"x" * 11)
    assert cache.get("e") is None
