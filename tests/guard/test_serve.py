"""serve: where the server listens, what it says at the start, and how it ends."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from edge_app.config import Config
from edge_app.errors import ServeError
from edge_app.guard import addresses, announce
from edge_app.guard import serve as guard
from edge_app.guard.passcode import write_passcode
from tests.serving import answering, serving
from tools.testing.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]
APP = answering(b"hello")


def test_serves_on_loopback_unless_told_otherwise() -> None:
    ready: list[str] = []
    with serving(APP, on_ready=ready.extend) as site:
        assert ready == [f"http://127.0.0.1:{site.port}/"]
        assert site.ask().body == b"hello"
        for address in addresses.reachable():
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((address, site.port), timeout=PATIENCE_S)


def test_on_the_lan_every_address_that_is_shown_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announce, "HAS_MDNS", False)
    if not addresses.reachable():
        pytest.skip("this machine has no network address")
    urls: list[str] = []
    with serving(APP, Config(port=0, lan=True, base_path="/photos"), on_ready=urls.extend) as site:
        assert len(urls) == len(addresses.reachable())
        for url in [*urls, f"http://127.0.0.1:{site.port}/photos/"]:
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
                assert answer.read() == b"hello"


def test_a_port_in_use_is_one_line_that_names_the_setting() -> None:
    with serving(APP) as site, pytest.raises(ServeError) as error:
        guard.serve(APP, Config(port=site.port))
    assert str(error.value) == (
        f"cannot listen on 127.0.0.1, port {site.port}: another program already uses this port; "
        "choose others with --host and --port (port 0: any free one)"
    )


@pytest.mark.parametrize("config", [Config(host="203.0.113.1"), Config(host="no.such.invalid")])
def test_an_address_that_is_not_ours_is_one_line(config: Config) -> None:
    with pytest.raises(ServeError, match=rf"cannot listen on {config.host}, port 5000: .*--host"):
        guard.serve(APP, config)


def test_a_port_that_needs_privileges_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(ServeError, match="port 80: this user may not use ports below 1024"):
        guard.serve(APP, Config(port=80))
    with pytest.raises(ServeError, match="not between 0 and 65535"):
        guard.serve(APP, Config(port=65536))


@pytest.mark.parametrize("path", ["photos", "/photos/", "/", "//photos", "/a?b", "/ä"])
def test_a_base_path_that_no_browser_asks_for_is_refused(path: str) -> None:
    with pytest.raises(ServeError, match="such as /photos"):
        guard.serve(APP, Config(port=0, base_path=path))


@pytest.mark.parametrize("name", ["http://photos.lan", "photos.lan:5000", "photos/", ""])
def test_a_host_that_no_browser_asks_for_is_refused(name: str) -> None:
    with pytest.raises(ServeError, match="without http"):
        guard.serve(APP, Config(port=0, allowed_hosts=(name,)))


def test_a_passcode_file_is_read_before_anything_listens(tmp_path: Path) -> None:
    with pytest.raises(ServeError, match="it does not exist; create it with: lookalike passcode"):
        guard.serve(APP, Config(port=0, passcode_file=tmp_path / "none"))


def test_the_start_says_who_can_see_the_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = ["http://192.0.2.1:5000/"]
    (alone,) = guard.start_notes(Config(), urls)
    assert "--lan" in alone
    assert "everyone on this network" in guard.start_notes(Config(lan=True), urls)[0]
    assert "everyone" in guard.start_notes(Config(host="192.0.2.1"), urls)[0]
    write_passcode(tmp_path / "passcode", "correct horse")
    closed = Config(lan=True, passcode_file=tmp_path / "passcode")
    assert not [note for note in guard.start_notes(closed, urls) if "everyone" in note]


def test_without_a_network_it_says_where_the_gallery_is() -> None:
    notes = guard.start_notes(Config(lan=True, port=5000), [])
    assert "no address in a network yet. Here the gallery is at http://localhost:5000/" in notes[-1]
    assert not [note for note in notes if "install" in note]


def test_missing_extras_are_one_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    monkeypatch.setattr(announce, "HAS_MDNS", False)
    notes = guard.start_notes(Config(lan=True), ["http://192.0.2.1:5000/"])
    assert [note for note in notes if "pip install segno" in note]
    assert [note for note in notes if "pip install zeroconf" in note]


SLOW_SERVER = """
import sys, time
from edge_app.config import Config
from edge_app.guard.serve import serve

def app(environ, start_response):
    print("asked", flush=True)
    time.sleep(0.5)
    start_response("200 OK", [("Content-Length", "4")])
    return [b"done"]

serve(app, Config(port=0), on_ready=lambda urls: print(*urls, flush=True))
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_answers_under_way(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_SERVER],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with process:
        assert process.stdout
        host, _, port = process.stdout.readline().split("/")[2].partition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert process.stdout.readline() == "asked\n"
            process.send_signal(number)
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        assert answer.endswith(b"\r\n\r\ndone")
        assert process.stdout.readline() == "ended\n"
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("proxy", ["*", "localhost", "10.0.0.0/8", "127.0.0.1:80"])
def test_a_trusted_proxy_is_an_address(proxy: str) -> None:
    with pytest.raises(ServeError, match="no address"):
        guard.serve(answering(b""), Config(port=0, trusted_proxy=proxy))


def test_a_service_goes_on_after_a_hangup() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_SERVER],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with process:
        assert process.stdout
        host, _, port = process.stdout.readline().split("/")[2].partition(":")
        process.send_signal(signal.SIGHUP)
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert process.stdout.readline() == "asked\n"
            process.send_signal(signal.SIGTERM)
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        assert answer.endswith(b"\r\n\r\ndone")
        assert process.wait(PATIENCE_S) == 0


AGAIN_MEANWHILE = """
import signal, sys

def again(frame, event, _):
    if event == "call":
        while frame is not None and frame.f_code.co_name != "on_signal":
            frame = frame.f_back
        if frame is not None:
            signal.raise_signal(signal.SIGTERM)
            for _ in range(2):  # CPython runs the handler when a loop turns
                pass

sys.setprofile(again)
"""


def test_a_second_signal_at_any_call_that_the_first_one_makes_does_no_harm() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_SERVER.replace("\nserve(", AGAIN_MEANWHILE + "\nserve(")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with process:
        try:
            assert process.stdout
            process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
            assert process.stdout.readline() == "ended\n"
        finally:
            process.kill()
