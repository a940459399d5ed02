"""policy: who may ask for what, by which name, and the headers of every answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge_app.config import Config
from edge_app.guard.addresses import host_name
from edge_app.guard.policy import is_own_host
from tests.serving import Site, answering, echoing, serving


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serving(echoing, Config(port=0, allowed_hosts=("Photos.Example.org",))) as site:
        yield site


OWN_HOSTS = [
    "127.0.0.1",
    "127.0.0.1:5000",
    "192.168.1.20:5000",
    "[::1]",
    "[fd00::2]:5000",
    "localhost",
    "LOCALHOST:80",
    host_name(),
    f"{host_name()}.local:5000",
    "photos.example.org",
]
FOREIGN_HOSTS = [
    "",
    " ",
    "evil.example",
    "evil.example:5000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1.nip.io",
    "evil.local",
    "sub.localhost",
    "localhost.",
    "localhost:",
    "localhost:port",
    "localhost:123456",
    "localhost@evil.example",
    "evil.example@localhost",
    "localhost, evil.example",
    "localhost evil.example",
    "localhost/evil.example",
    "localhost\tevil",
    "http://localhost",
    "127.1",
    "0x7f000001",
    "2130706433",
    "0177.0.0.1",
    "127.0.0.1%00.evil.example",
    "127.0.0.256",
    "[127.0.0.1]",
    "::1",
    "[::1",
    "::1]",
    "[::1%25eth0]",
    "[evil]",
    "*",
    "_",
    "-",
    "..",
    "loc\u0430lhost".encode().decode("latin-1"),  # a Cyrillic letter
    "LOCALHOST.EVIL.EXAMPLE",
    "xn--localhost-evil",
    "photos.example.org.evil.example",
    "a" * 5000,
]


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_answers_to_its_addresses_and_names(site: Site, host: str) -> None:
    assert site.ask(headers={"Host": host}).status == 200


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_refuses_any_other_name_with_421(site: Site, host: str) -> None:
    answer = site.ask(headers={"Host": host})
    assert (answer.status, answer.error) == (421, "misdirected_request")


def test_refuses_two_names_and_none(site: Site) -> None:
    two = b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
    assert b" 421 " in site.send(two).splitlines()[0]
    assert b" 421 " in site.send(b"GET / HTTP/1.0\r\n\r\n").splitlines()[0]


def test_refuses_a_whole_url_since_it_would_outrank_the_host(site: Site) -> None:
    whole = b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert b" 400 " in site.send(whole).splitlines()[0]


def test_configured_names_are_compared_without_case() -> None:
    assert is_own_host("Gallery.Home:8080", frozenset({"gallery.home"}))


OURS = {"X-Lookalike": "1"}


def test_our_page_may_post(site: Site) -> None:
    for headers in (
        OURS,
        OURS | {"Origin": f"http://127.0.0.1:{site.port}"},
        OURS | {"Origin": f"http://127.0.0.1:{site.port}", "Sec-Fetch-Site": "same-origin"},
    ):
        assert site.ask("/api/search", "POST", headers, b"{}").status == 200


def test_a_program_may_search_without_our_header_and_a_page_may_not(site: Site) -> None:
    """A search changes nothing, and curl is no page of another site."""
    assert site.ask("/api/search", "POST", {}, b"{}").status == 200
    for headers in (
        {"Origin": f"http://127.0.0.1:{site.port}"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "same-origin"},
    ):
        assert site.ask("/api/search", "POST", headers, b"{}").status == 403


CROSS_SITE = [
    (method, headers)
    for method in ("POST", "PUT", "DELETE", "PATCH", "PROPFIND")
    for headers in (
        {},
        {"X-Lookalike": ""},
        {"X-Lookalike": "0"},
        OURS | {"Origin": "http://evil.example"},
        OURS | {"Origin": "null"},
        OURS | {"Sec-Fetch-Site": "cross-site"},
        OURS | {"Sec-Fetch-Site": "same-site"},
    )
] + [
    ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}),
    ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}),
    ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}),
    (
        "GET",
        {
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "iframe",
        },
    ),
    ("HEAD", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}),
]


@pytest.mark.parametrize(("method", "headers"), CROSS_SITE)
def test_no_other_site_may_make_a_browser_ask(
    site: Site, method: str, headers: dict[str, str]
) -> None:
    path = "/api/duplicates/dismiss"
    answer = site.ask(path, method, headers, b"{}" if method != "GET" else None)
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_link_on_another_site_may_lead_here(site: Site) -> None:
    followed = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    assert site.ask(headers=followed).status == 200


def test_no_origin_is_ever_granted_anything(site: Site) -> None:
    preflight = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    answer = site.ask("/api/search", "OPTIONS", preflight)
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_every_answer_forbids_inline_code_framing_and_sniffing(site: Site) -> None:
    for path, headers in (("/", {}), ("/", {"Host": "evil.example"}), ("/nowhere", {})):
        answer = site.ask(path, headers=headers)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answer.headers


def test_originals_are_sandboxed(site: Site) -> None:
    policy = site.ask("/originals/1").headers["content-security-policy"]
    assert policy.startswith("sandbox;")
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


def test_below_a_base_path() -> None:
    with serving(echoing, Config(port=0, base_path="/photos")) as site:
        told = site.ask("/photos/api/images?limit=1").json
        assert (told["SCRIPT_NAME"], told["PATH_INFO"]) == ("/photos", "/api/images")
        assert site.ask("/photos").headers["location"] == "/photos/"
        assert site.ask("/photosx/").status == 404
        assert site.ask("/").status == 404
        assert site.ask("/photos/originals/1").headers["content-security-policy"][:7] == "sandbox"


FORWARDED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}


def test_forwarded_headers_are_believed_from_the_trusted_proxy_only() -> None:
    with serving(echoing) as site:
        told = site.ask(headers=FORWARDED | {"X-Forwarded-Host": "localhost"}).json
        assert (told["REMOTE_ADDR"], told["wsgi.url_scheme"]) == ("127.0.0.1", "http")
        assert not [name for name in told if name.startswith("HTTP_X_FORWARDED")]
    with serving(echoing, Config(port=0, trusted_proxy="127.0.0.1")) as site:
        told = site.ask(headers=FORWARDED).json
        assert (told["REMOTE_ADDR"], told["wsgi.url_scheme"]) == ("203.0.113.9", "https")
        told = site.ask(headers={"X-Forwarded-Host": "evil.example"}).json
        assert told["HTTP_HOST"] == f"127.0.0.1:{site.port}"
        assert "HTTP_X_FORWARDED_HOST" not in told


def test_access_log_has_one_line_for_each_answer_and_no_control_characters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="edge_app.access")
    with serving(answering(b"hello"), Config(port=0, access_log=True)) as site:
        site.send(b'GET /?\x1b[31m"red HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
        site.ask("/missing", headers={"Host": "evil.example"})
    lines = [record.getMessage() for record in caplog.records if record.name == "edge_app.access"]
    assert len(lines) == 2
    assert lines[0].startswith('127.0.0.1 "GET /?\\x1b[31m%22red" 200 5 ')
    assert " 421 " in lines[1]
    assert all(line.isprintable() for line in lines)
