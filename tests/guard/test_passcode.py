"""passcode: nobody sees a photo without it, guessing is slow, and the cookie can't be made up."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from edge_app.cli.arguments import main
from edge_app.config import Config, Limits
from edge_app.errors import ServeError, UsageError
from edge_app.guard import passcode, signin
from edge_app.guard.passcode import (
    PasscodeFile,
    hash_passcode,
    make_token,
    matches,
    read_hash,
    write_passcode,
)
from edge_app.guard.signin import Attempts, Passcode
from tests.serving import Answer, Site, answering, serving

SESSION_S = Limits().session_s
RIGHT = "correct horse"
COST = passcode.SCRYPT_N, passcode.SCRYPT_R, passcode.SCRYPT_P  # before it is made cheap below


@pytest.fixture(scope="module", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """The cost of a hash stands in the hash: tests need not pay it each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passcode, "SCRYPT_N", 16)
        patch.setattr(passcode, "SCRYPT_P", 1)
        yield


@pytest.fixture(scope="module")
def config(cheap_hashes: None, tmp_path_factory: pytest.TempPathFactory) -> Config:
    path = tmp_path_factory.mktemp("passcode") / "passcode"
    write_passcode(path, RIGHT)
    return Config(port=0, passcode_file=path)


@pytest.fixture
def site(config: Config) -> Iterator[Site]:
    with serving(answering(b"photos"), config) as site:
        yield site


def sign_in(site: Site, text: str, **headers: str) -> Answer:
    form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    return site.ask("/login", "POST", form, urlencode({"passcode": text}).encode())


def test_the_hash_matches_its_passcode_only() -> None:
    line = hash_passcode("pässword ☂")
    assert line != hash_passcode("pässword ☂")  # salted
    assert matches("pässword ☂", line)
    assert not matches("pässword", line)


def test_a_hash_costs_what_is_recommended() -> None:
    """The set with the least memory of OWASP's password storage cheat sheet."""
    assert COST == (2**14, 8, 5)


def test_a_short_passcode_is_refused_with_the_limit() -> None:
    with pytest.raises(UsageError, match="7 characters; it needs at least 8"):
        hash_passcode("seven77")


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "passcode"
    write_passcode(path, RIGHT)
    assert path.stat().st_mode & 0o777 == 0o600
    assert matches(RIGHT, read_hash(path))
    assert RIGHT not in path.read_text()
    path.chmod(0o640)
    with pytest.raises(ServeError, match="chmod 600"):
        read_hash(path)


def test_what_systemd_hands_over_may_look_readable_to_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the group's bits are the mask of an access list that names the service's user."""
    path = tmp_path / "passcode"
    write_passcode(path, RIGHT)
    path.chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "another service's"))
    with pytest.raises(ServeError, match="chmod 600"):
        read_hash(path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert matches(RIGHT, read_hash(path))
    path.chmod(0o444)  # nobody's mask: everyone may
    with pytest.raises(ServeError, match="chmod 600"):
        read_hash(path)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no such folder" / "passcode"
    with pytest.raises(ServeError, match=f"cannot write the passcode file {path}: No such file"):
        write_passcode(path, RIGHT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret in plain text",
        "scrypt$1$2$3$only",
        "md5$16$8$1$" + "A" * 22 + "==$" + "A" * 43 + "=",
        "scrypt$16$8$1$" + "A" * 22 + "==$" + "A" * 30,  # cut off
        "scrypt$16$8$1$" + "?" * 22 + "==$" + "A" * 43 + "=",
        *(  # what scrypt does not take, or no device can pay
            f"scrypt${cost}$" + "A" * 22 + "==$" + "A" * 43 + "="
            for cost in (
                "0$8$1",
                "1$8$1",
                "16383$8$5",
                "67108864$8$1",
                "16$0$1",
                "16$8$0",
                "16$8$9999999",
            )
        ),
    ],
)
def test_a_file_without_a_hash_is_refused_with_the_command_that_makes_one(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "passcode"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(ServeError, match="lookalike passcode"):
        read_hash(path)
    with pytest.raises(ServeError, match="cannot read"):
        read_hash(tmp_path / "missing")
    path.unlink()
    os.mkfifo(path, 0o600)  # every request reads the file, and would wait for ever
    with pytest.raises(ServeError, match="is not a passcode file"):
        read_hash(path)


def test_without_the_passcode_nothing_is_shown(site: Site) -> None:
    for path in ("/", "/api/images", "/thumbs/1", "/originals/1", "/js/app.js", "/login/x"):
        answer = site.ask(path)
        assert (answer.status, answer.error) == (401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Cookie ")
        assert site.ask(path, "HEAD").body == b""
    page = site.ask("/", headers={"Accept": "text/html,*/*"})
    assert page.status == 401
    assert b'<form method="post" action="/login">' in page.body
    assert not re.search(rb"<script|<style| style=| on\w+=", page.body)
    assert site.ask("/login.css").headers["content-type"] == "text/css"


def test_the_right_passcode_opens_a_session(site: Site) -> None:
    answer = sign_in(site, RIGHT)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie, *attributes = answer.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"} == set(attributes)
    assert site.ask("/thumbs/1", headers={"Cookie": cookie}).body == b"photos"
    assert site.ask("/", headers={"Cookie": f"other=1; {cookie}; more=2"}).body == b"photos"


def test_a_session_outlives_the_server_but_not_the_passcode(
    config: Config, site: Site, tmp_path: Path
) -> None:
    cookie = {"Cookie": sign_in(site, RIGHT).headers["set-cookie"].split(";")[0]}
    with serving(answering(b"photos"), config) as restarted:
        assert restarted.ask(headers=cookie).status == 200
    write_passcode(tmp_path / "new", RIGHT + "!")
    with serving(answering(b"photos"), replace(config, passcode_file=tmp_path / "new")) as changed:
        assert changed.ask(headers=cookie).status == 401


def test_another_passcode_signs_everybody_out_of_a_running_server(tmp_path: Path) -> None:
    path = tmp_path / "passcode"
    write_passcode(path, RIGHT)
    with serving(answering(b"photos"), Config(port=0, passcode_file=path)) as site:
        cookie = {"Cookie": sign_in(site, RIGHT).headers["set-cookie"].split(";")[0]}
        assert site.ask(headers=cookie).status == 200
        write_passcode(path, RIGHT + "!")
        assert site.ask(headers=cookie).status == 401
        assert sign_in(site, RIGHT).status == 401
        cookie = {"Cookie": sign_in(site, RIGHT + "!").headers["set-cookie"].split(";")[0]}
        assert site.ask(headers=cookie).status == 200
        path.unlink()  # nobody gets in, rather than everybody
        assert site.ask(headers=cookie).status == 401
        assert sign_in(site, RIGHT + "!").status == 401


def test_a_second_cookie_of_the_name_locks_nobody_out(site: Site) -> None:
    own = sign_in(site, RIGHT).headers["set-cookie"].split(";")[0]
    for foreign in ("lookalike=x", f"lookalike=9999999999.{'0' * 64}"):
        for both in (f"{foreign}; {own}", f"{own}; {foreign}", f"{foreign}; " * 150 + own):
            assert site.ask(headers={"Cookie": both}).status == 200, both


def test_signing_out_makes_the_browser_forget(site: Site) -> None:
    cookie = {"Cookie": sign_in(site, RIGHT).headers["set-cookie"].split(";")[0]}
    answer = site.post("/logout", headers=cookie)
    assert answer.status == 204
    assert {"lookalike=", "Max-Age=0", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
    assert site.ask("/logout", "POST", cookie).status == 403, "another site's page may not"


def test_signing_out_everywhere_ends_all_sessions_and_tokens_but_not_the_passcode(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "passcode"
    write_passcode(path, RIGHT)
    with serving(answering(b"photos"), Config(port=0, passcode_file=path)) as site:

        def cookie() -> dict[str, str]:
            return {"Cookie": sign_in(site, RIGHT).headers["set-cookie"].split(";")[0]}

        def token() -> dict[str, str]:
            assert main(["passcode", str(path), "--token", "9"]) == 0
            return {"Authorization": f"Bearer {capsys.readouterr().out.strip()}"}

        assert site.post("/logout/everywhere").status == 401, "who is not signed in may not"
        ways: list[Callable[[dict[str, str]], bool]] = [
            lambda session: site.post("/logout/everywhere", headers=session).status == 204,
            lambda session: main(["passcode", str(path), "--sign-out"]) == 0,
        ]
        for end in ways:
            sessions = [cookie(), cookie(), token()]
            assert [site.ask(headers=session).status for session in sessions] == [200] * 3
            assert site.ask("/logout/everywhere", "POST", sessions[0]).status == 403
            assert end(sessions[0])
            capsys.readouterr()
            assert [site.ask(headers=session).status for session in sessions] == [401] * 3
        assert site.ask(headers=cookie()).status == 200
        assert site.ask(headers=token()).status == 200
        assert path.stat().st_mode & 0o777 == 0o600


def test_who_can_not_write_the_passcode_file_says_how_to_sign_out_everywhere(
    site: Site, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = {"Cookie": sign_in(site, RIGHT).headers["set-cookie"].split(";")[0]}

    def refuse(path: Path) -> None:
        raise ServeError(f"cannot write the passcode file {path}: Read-only file system")

    monkeypatch.setattr(signin, "end_sessions", refuse)
    answer = site.post("/logout/everywhere", headers=cookie)
    assert answer.status == 500
    assert "Read-only file system; to sign out" in answer.json["error"]["message"]
    assert site.ask(headers=cookie).status == 200


def test_guesses_from_one_ipv6_network_count_together(config: Config) -> None:
    proxied = replace(config, trusted_proxy="127.0.0.1")
    with serving(answering(b"photos"), proxied) as site:
        for number in range(signin.ATTEMPTS):
            told = {"X-Forwarded-For": f"2001:db8::{number}"}
            assert sign_in(site, "wrong", **told).status == 401
        assert sign_in(site, "wrong", **{"X-Forwarded-For": "2001:db8::f00"}).status == 429
        assert sign_in(site, "wrong", **{"X-Forwarded-For": "2001:db8:0:1::1"}).status == 401


def test_the_page_asked_for_is_opened_after_signing_in(site: Site) -> None:
    page = site.ask("/?view=photo&id=7", headers={"Accept": "text/html"}).body.decode()
    assert 'name="next" value="?view=photo&amp;id=7"' in page

    def opened(wanted: str, passcode: str = RIGHT) -> Answer:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({"passcode": passcode, "next": wanted}).encode()
        return site.ask("/login", "POST", form, body)

    assert opened("?view=photo&id=7").headers["location"] == "/?view=photo&id=7"
    assert b'value="?view=photo&amp;id=7"' in opened("?view=photo&id=7", "wrong").body
    for elsewhere in ("//evil.example", "https://evil.example", "?a\r\nX: y", "?a b", "x", "?"):
        assert opened(elsewhere).headers["location"] == "/", elsewhere


def test_no_cache_keeps_what_a_session_was_told(config: Config) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        headers = [("Content-Type", "application/json"), ("Cache-Control", "no-cache")]
        start_response("200 OK", [*headers, ("Content-Length", "2"), ("ETag", '"1"')])
        return [b"{}"]

    with serving(app, config) as site:
        cookie = {"Cookie": sign_in(site, RIGHT).headers["set-cookie"].split(";")[0]}
        assert site.ask("/api/images", headers=cookie).headers["cache-control"] == "no-store"


def test_a_passcode_file_that_does_not_fit_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "passcode"
    write_passcode(path, RIGHT)

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("edge_app.guard.passcode.os.fsync", full)
    with pytest.raises(ServeError, match="No space left"):
        write_passcode(path, "another horse")
    assert matches(RIGHT, read_hash(path))
    assert [file.name for file in tmp_path.iterdir()] == ["passcode"]


def test_no_other_token_opens_a_session(config: Config, site: Site) -> None:
    assert config.passcode_file
    line = read_hash(config.passcode_file)
    guard = Passcode(answering(b""), PasscodeFile(config.passcode_file), SESSION_S)
    good = make_token(line, 9_999_999_999)
    expiry, signature = good.split(".")
    assert guard.is_signed_in({"HTTP_COOKIE": f"lookalike={good}"})
    assert guard.is_signed_in({"HTTP_AUTHORIZATION": f"Bearer {good}"})
    for bad in (
        "",
        "1",
        f"{expiry}.",
        f"{int(expiry) + 1}.{signature}",
        f"{expiry}.{signature[:-1]}",
        f"{expiry}.{'0' * 64}",
        f"{expiry}.{signature}x",
        make_token(line, 1),  # expired
        make_token(line + "x", 9_999_999_999),  # of another passcode
        f"-{expiry}.{signature}",
        f"٣{expiry}.{signature}",
    ):
        assert not guard.is_signed_in({"HTTP_COOKIE": f"lookalike={bad}"}), bad
        assert not guard.is_signed_in({"HTTP_AUTHORIZATION": f"Bearer {bad}"}), bad
    assert not guard.is_signed_in({"HTTP_COOKIE": f"not_lookalike={good}"})
    assert not guard.is_signed_in({"HTTP_AUTHORIZATION": f"Basic {good}"})
    assert site.ask(headers={"Cookie": f"lookalike={expiry}.{'0' * 64}"}).status == 401


def test_a_program_gets_in_with_a_token_of_the_command_line(
    config: Config, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert config.passcode_file
    before = config.passcode_file.read_bytes()
    assert main(["passcode", str(config.passcode_file), "--token", "365"]) == 0
    token = capsys.readouterr().out.strip()
    assert site.ask(headers={"Authorization": f"Bearer {token}"}).body == b"photos"
    assert 364 < (int(token.split(".")[0]) - time.time()) / 86_400 < 366
    assert config.passcode_file.read_bytes() == before


def test_health_is_the_one_thing_that_needs_no_passcode(site: Site) -> None:
    assert site.ask("/healthz").body == b"photos"  # whatever the app answers
    for path in ("/metrics", "/healthz/", "/healthz/x", "/Healthz", "/healthz%2f.."):
        assert site.ask(path).status == 401, path


def test_wrong_passcodes_are_counted_for_each_address(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signin, "ATTEMPTS", 2)
    few = replace(config, trusted_proxy="127.0.0.1")
    with serving(answering(b"photos"), few) as site:
        guesser = {"X-Forwarded-For": "192.0.2.66"}
        assert [sign_in(site, "wrong", **guesser).status for _ in range(3)] == [401, 401, 429]
        late = sign_in(site, RIGHT, **guesser)
        assert late.status == 429
        assert 0 < int(late.headers["retry-after"]) <= signin.WINDOW_S + 1
        assert b"Try again in 5 min." in late.body
        assert sign_in(site, RIGHT, **{"X-Forwarded-For": "192.0.2.7"}).status == 303


def test_attempts_are_forgotten_after_the_window_and_bounded_in_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"ATTEMPTS": 2, "ATTEMPTS_ALL": 3, "WINDOW_S": 60}.items():
        monkeypatch.setattr(signin, name, value)
    attempts = Attempts()
    attempts.failed("a", 0)
    assert attempts.wait_s("a", 1) == 0
    attempts.failed("a", 10)
    assert attempts.wait_s("a", 20) == 40
    assert attempts.wait_s("b", 20) == 0
    attempts.failed("b", 20)
    assert attempts.wait_s("c", 30) == 30  # three in all
    assert attempts.wait_s("a", 61) == 0
    assert len(attempts.failures) == 2


def test_another_site_cannot_sign_a_visitor_in(site: Site) -> None:
    assert sign_in(site, RIGHT, Origin="http://evil.example").status == 403
    assert sign_in(site, RIGHT, **{"Sec-Fetch-Site": "cross-site"}).status == 403


def test_below_a_base_path_and_behind_https(config: Config) -> None:
    proxied = replace(config, base_path="/photos", trusted_proxy="127.0.0.1")
    with serving(answering(b"photos"), proxied) as site:
        assert b'action="/photos/login"' in site.ask("/photos/login").body
        form = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-Proto": "https"}
        body = urlencode({"passcode": RIGHT}).encode()
        answer = site.ask("/photos/login", "POST", form, body)
        assert answer.headers["location"] == "/photos/"
        assert {"Path=/photos/", "Secure"} <= set(answer.headers["set-cookie"].split("; "))


@pytest.mark.parametrize(
    "body", [b"", b"passcode", b"passcode=", b"\xff\xfe=\x00", b"a=b&" * 5000, b"passcode=%ff%00"]
)
def test_a_malformed_form_is_a_wrong_passcode(site: Site, body: bytes) -> None:
    assert site.ask("/login", "POST", {"Content-Type": "text/plain"}, body).status == 401
