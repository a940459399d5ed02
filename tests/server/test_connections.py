"""connections: what a slow, greedy or broken client gets, and that others get their answer."""

from __future__ import annotations

import errno
import itertools
import os
import re
import resource
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from edge_app.config import Config, MiB
from edge_app.guard import addresses
from edge_app.server import room
from edge_app.server.bounds import Bounds
from edge_app.server.channel import FRESH_S
from edge_app.server.connections import Server
from edge_app.server.request import Request
from tests.serving import Site, answering, echoing, parse_answer, serving
from tools.testing.waiting import PATIENCE_S, until

UPLOAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Lookalike: 1\r\n"
FORM = UPLOAD + b"Content-Type: multipart/form-data; boundary=b\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def is_closed(connection: socket.socket) -> bool:
    """Does the server close it, without another byte? Waits for it."""
    connection.settimeout(PATIENCE_S)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def is_open(connection: socket.socket) -> bool:
    """Has the server left it open, and said nothing, up to now?"""
    return not select.select([connection], [], [], 0)[0]


@pytest.fixture
def parked() -> Iterator[Callable[[Site, bytes], socket.socket]]:
    """Connections that have sent something and stay open until the end of the test."""
    with ExitStack() as stack:

        def park(site: Site, data: bytes) -> socket.socket:
            connection = stack.enter_context(site.connect())
            connection.sendall(data)
            return connection

        yield park


Park = Callable[[Site, bytes], socket.socket]


class Gate:
    """An app whose answers wait until the gate is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Semaphore(0)

    def __call__(self, environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] not in ("/quick", "/thumbs/1"):
            self.entered.release()
            assert self.opened.wait(PATIENCE_S)
        start_response("200 OK", [("Content-Length", "4")])
        return [b"done"]


# --- sizes ---------------------------------------------------------------------------------------


def test_a_body_over_its_limit_is_refused_by_its_announced_length(parked: Park) -> None:
    limits = Bounds()
    with serving(echoing) as site:
        photo = f"over the limit of {limits.upload_bytes // MiB} (--upload-size)"
        for head, limit, said in (
            (UPLOAD, limits.body_bytes, f"{limits.body_bytes} bytes"),
            (FORM, limits.upload_bytes, photo),
        ):
            connection = parked(site, head + b"Content-Length: %d\r\n\r\n" % (limit + 1))
            answer = parse_answer(connection)  # with not a byte of the body sent
            assert (answer.status, answer.error) == (413, "too_large")
            assert said in answer.json["error"]["message"]
            assert is_closed(connection)


@pytest.mark.parametrize("digits", [9, 19, 20, 4299])
def test_a_body_however_long_names_the_limit_that_it_passes(digits: int, parked: Park) -> None:
    with serving(echoing) as site:
        answer = parse_answer(
            parked(site, UPLOAD + b"Content-Length: %b\r\n\r\n" % (b"9" * digits))
        )
        assert answer.status == 413
        assert answer.json["error"]["message"].endswith(f"limit of {MiB} bytes.")


def test_a_client_that_waits_for_100_continue_gets_the_refusal_instead(parked: Park) -> None:
    with serving(echoing) as site:
        expecting = b"Expect: 100-continue\r\nContent-Length: "
        connection = parked(site, FORM + expecting + b"5\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"hello")
        assert parse_answer(connection).json["body_bytes"] == 5
        connection = parked(site, FORM + expecting + b"999999999\r\n\r\n")
        assert parse_answer(connection).status == 413


@pytest.mark.parametrize("length", [b"", b"Content-Length: 0\r\n"])
def test_who_expects_100_continue_and_sends_no_body_is_answered(
    length: bytes, parked: Park
) -> None:
    with serving(echoing) as site:
        connection = parked(site, GET[:-2] + b"Expect: 100-continue\r\n" + length + b"\r\n")
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_a_body_within_its_limit_arrives_whole() -> None:
    with serving(echoing) as site:
        ours = {"X-Lookalike": "1", "Content-Type": "multipart/form-data; boundary=b"}
        size = Bounds().upload_bytes
        assert site.ask("/", "POST", ours, b"x" * size).json["body_bytes"] == size


def chunked(sizes: list[int]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (size, b"x" * size) for size in sizes)


def test_a_chunked_body_is_refused_where_it_passes_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where waitress would spool
    with serving(echoing) as site, site.connect() as connection:
        connection.sendall(FORM + b"Transfer-Encoding: chunked\r\n\r\n")
        before, sent = resident_bytes(), 0
        with pytest.raises(ConnectionError):
            while sent < 1024 * MiB:
                connection.sendall(chunked([MiB]))
                sent += MiB
        assert sent < 64 * MiB
        assert parse_answer(connection).status == 413
        assert resident_bytes() - before < 32 * MiB
        assert site.ask().status == 200
    assert list(tmp_path.iterdir()) == []


def test_a_chunk_over_the_limit_is_refused_by_its_size(parked: Park) -> None:
    with serving(echoing) as site:
        answer = parse_answer(
            parked(site, FORM + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n")
        )
        assert (answer.status, answer.error) == (413, "too_large")


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def test_a_chunked_body_within_the_limit_arrives_whole() -> None:
    with serving(echoing) as site:
        body = chunked([1, 7, 65536, 0])
        answer = site.send(FORM + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + body)
    assert b'"body_bytes": 65544' in answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000,
        b"GET /" + b"a" * 20_000,
        b"\r\n\r\nGET / HTTP/1.1\r\n" + b"A: b\r\n" * 4000,
    ],
)
def test_headers_over_16_kib_are_refused(head: bytes, parked: Park) -> None:
    with serving(echoing) as site:
        answer = parse_answer(parked(site, head))
    assert (answer.status, answer.error) == (431, "too_large")


# --- malformed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (UPLOAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (UPLOAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (UPLOAD + b"Content-Length: -1\r\n\r\n", 400),
        (UPLOAD + b"Content-Length: +1\r\n\r\na", 400),
        (UPLOAD + b"Content-Length: 0x1\r\n\r\na", 400),
        (UPLOAD + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        *(
            (UPLOAD + b"Transfer-Encoding:%b\r\n\r\n0\r\n\r\n" % coding, 400)
            for coding in (
                b"", b" chunked, chunked", b" ,chunked", b"\r\n chunked",
                b" chunked\r\nTransfer-Encoding: chunked",
            )
        ),
        (UPLOAD + b"Content-Length:\r\n 3\r\n\r\nabc", 400),
        (GET.replace(b"/", b"/%ffthumbs/1", 1), 400),
        (GET.replace(b"/", b"/%c0%ae%c0%ae/", 1), 400),
        (GET.replace(b"/", b"/thumbs/1%0a", 1), 400),
        (GET.replace(b"/", b"/%00", 1), 400),
        (UPLOAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n", 400),
        (UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 3000, 400),
        (UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"T: x\r\n" * 9000, 400),
        (UPLOAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (UPLOAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (GET.replace(b"/", b"http://[/", 1), 400),
        (GET.replace(b"HTTP/1.1", b"HTTP/2.0"), 505),
        (GET.replace(b" HTTP/1.1", b""), 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),  # TLS
        (b"get / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: local\nhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n", 400),
    ],
)  # fmt: skip
def test_what_is_not_http_gets_an_error_and_a_closed_connection(
    request_bytes: bytes, status: int, parked: Park
) -> None:
    with serving(echoing) as site:
        connection = parked(site, request_bytes)
        answer = parse_answer(connection)
        assert answer.status == status
        assert answer.error
        assert answer.headers["connection"] == "close"
        assert is_closed(connection)


# --- deadlines -----------------------------------------------------------------------------------


def drip(connection: socket.socket, interval_s: float) -> None:
    """Send a byte at a time, until the server puts up with it no longer."""
    began = time.monotonic()
    connection.settimeout(interval_s)
    while time.monotonic() - began < PATIENCE_S:
        try:
            connection.sendall(b"x")
            if connection.recv(1):
                return
        except TimeoutError:
            continue
        except ConnectionError:
            return
    pytest.fail("every byte restarted the deadline")


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\nX: ", FORM + b"Content-Length: 9999\r\n\r\n"])
def test_a_dripping_request_has_one_deadline_for_all_its_bytes(head: bytes, parked: Park) -> None:
    with serving(echoing, bounds=Bounds(header_s=0.5)) as site:
        began = time.monotonic()
        drip(parked(site, head), 0.05)
        assert time.monotonic() - began >= 0.5


def test_a_request_that_stops_half_way_is_answered_408(parked: Park) -> None:
    with serving(echoing, bounds=Bounds(header_s=0.2)) as site:
        answer = parse_answer(parked(site, GET[:-1]))
    assert (answer.status, answer.error) == (408, "request_timeout")


def test_idle_connections_are_closed(parked: Park) -> None:
    with serving(answering(b"hello"), bounds=Bounds(idle_s=0.5)) as site:
        alive, silent = parked(site, GET), parked(site, b"")
        assert parse_answer(alive).status == 200
        assert is_closed(silent)
        assert is_closed(alive)


def test_a_client_that_reads_nothing_of_its_answer_is_cut_off(parked: Park) -> None:
    with serving(answering(b"x" * 8 * MiB), bounds=Bounds(send_s=0.3)) as site:
        connection = parked(site, GET)
        site.wait_until_read()
        site.wait_until_closed()
        assert drained(connection) < 8 * MiB


# --- caps ----------------------------------------------------------------------------------------


def test_when_full_the_newest_is_served_and_the_connection_doing_least_goes(parked: Park) -> None:
    with serving(answering(b"hello"), bounds=Bounds(connections=4)) as site:
        used = parked(site, GET)
        assert parse_answer(used).status == 200
        idle = [parked(site, b"") for _ in range(2)]
        dripping = parked(site, b"GET / HT")
        site.wait_until_read()
        time.sleep(1.5 * FRESH_S)
        assert site.ask().status == 200
        assert is_closed(idle[0])
        assert is_open(dripping)
        used.sendall(GET)
        assert parse_answer(used).status == 200


def test_many_more_idle_and_dripping_connections_than_places_stop_nobody(parked: Park) -> None:
    with serving(answering(b"hello"), bounds=Bounds(connections=32)) as site:
        for number in range(300):
            parked(site, b"GET / HTTP/1.1\r\nX: " if number % 3 else b"")
            if number % 10 == 0:
                assert site.ask().body == b"hello"


def test_a_newcomer_is_told_503_when_all_are_at_work(parked: Park) -> None:
    gate = Gate()
    with serving(gate, bounds=Bounds(connections=2, server_threads=1)) as site:
        waiting = [parked(site, GET) for _ in range(2)]
        assert gate.entered.acquire(timeout=PATIENCE_S)
        site.wait_until_read()
        answer = parse_answer(parked(site, b""))
        assert (answer.status, answer.error) == (503, "busy")
        assert answer.headers["retry-after"] == "1"
        gate.opened.set()
        assert [parse_answer(connection).body for connection in waiting] == [b"done"] * 2


def test_who_has_most_connections_makes_room_for_others_though_all_are_at_work() -> None:
    """Two clients with 64 requests under way each had all the places, and nobody else one."""
    gate = Gate()
    with serving(gate, bounds=Bounds(connections=6, server_threads=1)) as site, ExitStack() as on:
        greedy = [on.enter_context(site.connect("127.0.0.2")) for _ in range(5)]
        for connection in greedy:
            connection.sendall(GET)
        modest = on.enter_context(site.connect("127.0.0.3"))
        modest.sendall(GET)
        assert gate.entered.acquire(timeout=PATIENCE_S)
        site.wait_until_read()
        late = on.enter_context(site.connect("127.0.0.4"))
        late.sendall(GET.replace(b"GET /", b"GET /thumbs/1"))
        assert parse_answer(late).body == b"done"
        closed = select.select(greedy, [], [], PATIENCE_S)[0]
        assert [is_closed(connection) for connection in closed] == [True]
        again = on.enter_context(site.connect("127.0.0.2"))
        assert parse_answer(again).status == 503  # of its own there is none that may go
        gate.opened.set()
        assert parse_answer(modest).body == b"done"


def test_an_idle_visitor_keeps_its_connection_while_another_opens_many(parked: Park) -> None:
    with serving(answering(b"hello"), bounds=Bounds(connections=6)) as site, ExitStack() as on:
        visitor = on.enter_context(site.connect("127.0.0.3"))
        visitor.sendall(GET)
        assert parse_answer(visitor).status == 200
        for _ in range(30):
            greedy = on.enter_context(site.connect("127.0.0.2"))
            greedy.sendall(GET)
            assert parse_answer(greedy).status == 200
        visitor.sendall(GET)
        assert parse_answer(visitor).status == 200


@pytest.mark.parametrize(
    ("soft", "hard", "found"),
    [(1024, 4096, 128), (100, 4096, 128), (-1, -1, 128), (150, 150, 92), (20, 20, 1)],
)
def test_a_server_has_as_many_places_as_there_are_descriptors(
    soft: int, hard: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [soft, hard]

    def set_limits(_: int, to: tuple[int, int]) -> None:
        limits[:] = to

    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", set_limits)
    monkeypatch.setattr(os, "listdir", lambda _: list(range(10)))
    assert room.connections_max(128) == found


def test_without_a_free_descriptor_the_server_waits_and_says_so_once(
    parked: Park, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It asked again at once, and 137,736 lines of the log in 5 s said that it could not."""
    accept, refused = Server.accept, itertools.count(1)

    def full(server: Server) -> Any:
        if next(refused) <= 3:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return accept(server)

    with serving(answering(b"hello")) as site:
        kept = parked(site, GET)
        assert parse_answer(kept).status == 200
        monkeypatch.setattr(Server, "accept", full)
        assert site.ask().body == b"hello"  # the connection waits in the system's queue
        assert next(refused) < 20
        assert is_closed(kept)  # it did least: its descriptor makes room
    assert len([line for line in caplog.messages if "accept" in line]) == 1


def test_over_the_queue_requests_are_told_503_though_all_threads_are_busy(parked: Park) -> None:
    gate = Gate()
    with serving(gate, bounds=Bounds(server_threads=1, queued_requests=2)) as site:
        served = [parked(site, GET)]
        assert gate.entered.acquire(timeout=PATIENCE_S)
        served += [parked(site, GET) for _ in range(2)]
        site.wait_until_read()
        late = parse_answer(parked(site, GET))
        assert (late.status, late.error) == (503, "busy")
        assert late.headers["retry-after"] == "1"
        gate.opened.set()
        assert [parse_answer(connection).body for connection in served] == [b"done"] * 3


def test_a_client_with_one_request_goes_before_another_with_many(parked: Park) -> None:
    served: list[str] = []
    gate = Gate()

    def app(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
        served.append(environ["REMOTE_ADDR"])
        return gate(environ, start_response)

    with (
        serving(app, bounds=Bounds(server_threads=1, queued_requests=6)) as site,
        ExitStack() as on,
    ):
        greedy = [on.enter_context(site.connect("127.0.0.2")) for _ in range(7)]
        greedy[0].sendall(GET)
        assert gate.entered.acquire(timeout=PATIENCE_S)  # or seven would wait, one too many
        for connection in greedy[1:]:
            connection.sendall(GET)
        site.wait_until_read()
        modest = on.enter_context(site.connect("127.0.0.3"))
        modest.sendall(GET)
        late = select.select(greedy, [], [], PATIENCE_S)[0]
        assert [parse_answer(connection).status for connection in late] == [503]
        gate.opened.set()
        assert parse_answer(modest).status == 200
        assert served[:2] == ["127.0.0.2", "127.0.0.3"]


def test_slow_requests_wait_for_one_another_and_no_other_request_for_them(parked: Park) -> None:
    gate = Gate()
    ways = ("previews/1", "//previews/1", "%70reviews/1", "api/images/1/similar?b%6fx=0,0,1,1")
    slow = [GET.replace(b"GET /", b"GET /" + way.encode()) for way in (*ways, "originals/1")]
    with serving(gate, bounds=Bounds(server_threads=3, slow_requests=2)) as site:
        begun = [parked(site, one) for one in slow]
        for _ in range(2):
            assert gate.entered.acquire(timeout=PATIENCE_S)
        site.wait_until_read()
        assert site.ask("/quick").body == b"done"
        assert not gate.entered.acquire(blocking=False)
        gate.opened.set()
        assert [parse_answer(connection).body for connection in begun] == [b"done"] * 5


def test_thumbnails_come_though_all_threads_are_busy_and_the_queue_is_full(parked: Park) -> None:
    gate = Gate()
    with serving(gate, bounds=Bounds(server_threads=2, queued_requests=1)) as site:
        for _ in range(2):
            parked(site, GET)
            assert gate.entered.acquire(timeout=PATIENCE_S)
        parked(site, GET)
        assert site.ask("/thumbs/1").body == b"done"
        gate.opened.set()


def test_a_client_that_asks_for_many_thumbnails_and_reads_none_holds_up_nobody(
    parked: Park,
) -> None:
    body = b"x" * (3 * MiB)  # more than waitress holds for a client before it makes a thread wait
    with serving(answering(body), bounds=Bounds(drain_s=0.1)) as site:
        parked(site, GET.replace(b"GET /", b"GET /thumbs/1") * 50)
        assert site.ask("/thumbs/1").body == body
        parked(site, b"").sendall(GET.replace(b"GET /", b"GET /thumbs/1"))
        assert site.ask("/").body == body


def test_thumbnails_asked_for_together_come_in_their_order() -> None:
    paths = ["/thumbs/1", "/api/status", "/thumbs/2", "/thumbs/3", "/last"]
    asked = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\n" for path in paths]
    asked[-1] += "Connection: close\r\n"
    with serving(echoing) as site, site.connect() as connection:
        connection.sendall("".join(f"{request}\r\n" for request in asked).encode())
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    assert re.findall(r'"PATH_INFO": "(.*?)"', answers.decode()) == paths


def test_uploads_at_one_time_are_counted(parked: Park) -> None:
    with serving(echoing, bounds=Bounds(uploads=2, drain_s=0.1)) as site:
        begun = [parked(site, FORM + b"Content-Length: 9\r\n\r\nhalf") for _ in range(2)]
        site.wait_until_read()
        third = parse_answer(parked(site, FORM + b"Content-Length: 9\r\n\r\n"))
        assert (third.status, third.error) == (503, "busy")
        assert site.ask().status == 200  # nothing else is refused
        begun[0].sendall(b"whole")
        assert parse_answer(begun[0]).json["body_bytes"] == 9
        assert site.post("/", b"x", {"Content-Type": "multipart/form-data"}).status == 200


def test_whoever_has_the_answer_to_an_upload_may_send_the_next() -> None:
    """Though the thread that gave it has not come to its end."""
    ended = threading.Event()

    class Late:
        def __iter__(self) -> Iterator[bytes]:
            yield b"x" * 2000

        def close(self) -> None:
            assert ended.wait(PATIENCE_S)

    def app(environ: Any, start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [("Content-Length", "2000")])
        return Late()

    with serving(app, bounds=Bounds(uploads=1, server_threads=3)) as site:
        form = {"Content-Type": "multipart/form-data"}
        assert [site.post("/", b"x", form).status for _ in range(3)] == [200] * 3
        ended.set()


def test_one_address_on_the_network_has_fewer_places_than_all_together(parked: Park) -> None:
    """Loopback and a proxy stand for many clients; a neighbour has connections_per_address."""
    if not addresses.reachable():
        pytest.skip("this machine has no network address")
    host = addresses.reachable()[0]
    caps = Bounds(
        connections=8, connections_per_address=3, uploads=3, uploads_per_address=1, drain_s=0.1
    )
    with serving(echoing, Config(host=host, port=0), bounds=caps) as site:
        idle = [parked(site, b"") for _ in range(4)]
        assert is_closed(idle[0])
        assert is_open(idle[3])
        parked(site, FORM + b"Content-Length: 9\r\n\r\nhalf")
        site.wait_until_read()
        assert parse_answer(parked(site, FORM + b"Content-Length: 9\r\n\r\n")).status == 503


# --- requests sent ahead -------------------------------------------------------------------------


def sized(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
    """An app whose answer has as many bytes as the path says."""
    size = int(environ["PATH_INFO"][1:] or 5)
    start_response("200 OK", [("Content-Length", str(size))])
    return [b"x" * size]


# More than the buffers of two sockets hold.
BIG = b"GET /16000000 HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_requests_sent_ahead_are_answered_in_turn() -> None:
    sizes = [3, 100_000, 0, 2_000, 16_000_000, 1]
    ahead = b"".join(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % size for size in sizes)
    with serving(sized) as site, site.connect() as connection:
        connection.sendall(ahead)
        with connection.makefile("rb") as stream:
            for size in sizes:
                head = b"".join(iter(stream.readline, b"\r\n"))
                assert head.startswith(b"HTTP/1.1 200 ")
                assert stream.read(size) == b"x" * size


def wait_for_answers(connections: list[socket.socket]) -> None:
    """Until each has the first bytes of an answer."""
    for connection in connections:
        assert select.select([connection], [], [], PATIENCE_S)[0]


def test_who_sends_ahead_and_reads_nothing_holds_no_thread(parked: Park) -> None:
    with serving(sized, bounds=Bounds(server_threads=2, drain_s=0.1)) as site:
        wait_for_answers([parked(site, BIG + BIG) for _ in range(4)])
        assert site.ask("/5").body == b"xxxxx"
        assert site.send(b"garbage\r\n\r\n").startswith(b"HTTP/1.0 400 ")


def test_no_more_than_one_answer_waits_for_who_sends_ahead(parked: Park) -> None:
    asked: list[str] = []

    def app(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
        asked.append(environ["PATH_INFO"])
        return sized(environ, start_response)

    with serving(app, bounds=Bounds(drain_s=0.1)) as site:
        wait_for_answers([parked(site, BIG * 5)])
        assert site.ask("/5").status == 200
        assert len(asked) == 2


def test_who_sends_ahead_and_reads_nothing_makes_room_for_others(parked: Park) -> None:
    with serving(sized, bounds=Bounds(connections=2, drain_s=0.1)) as site:
        wait_for_answers([parked(site, BIG + BIG) for _ in range(2)])
        until(lambda: site.ask("/5").status == 200)


@pytest.mark.parametrize("ahead", [b"", BIG], ids=["nothing", "another request"])
def test_an_answer_must_be_read_at_a_least_rate(ahead: bytes, parked: Park) -> None:
    """And not a little now and then, for ever."""
    with serving(sized, bounds=Bounds(send_bytes_per_s=32_000_000, send_s=0.5)) as site:
        connection = parked(site, BIG + ahead)
        taken = 0
        with suppress(ConnectionError):
            while data := connection.recv(50_000):
                taken += len(data)
                time.sleep(0.05)
        assert taken < 16_000_000


def test_the_server_notices_every_half_mebibyte_that_a_client_takes(tmp_path: Path) -> None:
    """Linux would hold 4 MB for each client, and tell that there is room when a third of that is
    free: after 30 s at 44 KB/s, by which time a client that had taken nothing would be gone."""
    path = tmp_path / "original"
    path.write_bytes(bytes(16_000_000))
    with path.open("rb") as file, socket.socket() as connection:

        def app(environ: Any, start_response: Callable[..., Any]) -> Any:
            start_response("200 OK", [("Content-Length", "16000000")])
            return environ["wsgi.file_wrapper"](file)

        given = [0, 0]

        def is_full() -> bool:
            given[:] = given[1], file.tell()
            return 0 < given[0] == given[1]

        with serving(app, bounds=Bounds(drain_s=0.1)) as site:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
            connection.settimeout(PATIENCE_S)
            connection.connect((site.host, site.port))
            connection.sendall(GET)
            until(is_full)
            before = given[0]
            assert before < MiB
            with connection.makefile("rb") as stream:
                assert len(stream.read(MiB // 2)) == MiB // 2
            until(lambda: file.tell() > before)


@pytest.mark.parametrize(
    ("second", "statuses"),
    [
        (b"garbage\r\n\r\n", [200, 400]),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", [200, 400]),
        (b"GET / HTTP/1.1\r\nX: ", [200, 408]),
        (UPLOAD + b"Content-Length: 99\r\n\r\nhalf", [200, 408]),
        (UPLOAD + b"Content-Length: 9999999\r\n\r\n", [200, 413]),
        (UPLOAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", [200, 100, 200]),
        (UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n" + GET, [200] * 3),
        (UPLOAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + GET, [200, 400]),
        (GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + GET, [200, 200]),
        (b"\r\n\r\n" + GET, [200, 200]),
    ],
)
def test_what_is_sent_ahead_is_treated_as_if_it_came_later(
    second: bytes, statuses: list[int], parked: Park
) -> None:
    with serving(answering(b"hello"), bounds=Bounds(header_s=0.5, idle_s=0.5)) as site:
        connection = parked(site, GET + second)
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    assert [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d+) ", answers)] == statuses


def test_an_upload_sent_ahead_has_no_place_of_others_before_its_turn(parked: Park) -> None:
    half = FORM + b"Content-Length: 9\r\n\r\nhalf"
    with serving(sized, bounds=Bounds(uploads=1, drain_s=0.1)) as site:
        parked(site, BIG + half)
        site.wait_until_read()
        assert site.post("/5", b"x", {"Content-Type": "multipart/form-data"}).status == 200


def test_of_requests_sent_ahead_one_is_read_at_a_time(
    parked: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading 300 took a third of a second, in which nobody else got an answer."""
    read: list[str] = []
    judge = Request._fault_of_headers

    def note(request: Request) -> Any:
        read.append(request.path)
        return judge(request)

    monkeypatch.setattr(Request, "_fault_of_headers", note)
    gate = Gate()
    with serving(gate) as site:
        ahead = parked(site, GET * 300)
        assert gate.entered.acquire(timeout=PATIENCE_S)
        site.wait_until_read()
        assert len(read) == 1
        gate.opened.set()
        with ahead.makefile("rb") as stream:
            for _ in range(300):
                assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
                while stream.readline() != b"\r\n":
                    pass
                assert stream.read(4) == b"done"
    assert len(read) == 300


def drained(connection: socket.socket) -> int:
    """How many bytes are still to be had before the connection is closed."""
    taken = 0
    with suppress(ConnectionError):
        while data := connection.recv(MiB):
            taken += len(data)
    return taken


def test_an_original_that_becomes_shorter_meanwhile_ends_the_connection(
    tmp_path: Path, parked: Park
) -> None:
    path = tmp_path / "original"
    path.write_bytes(bytes(16_000_000))

    def app(environ: Any, start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [("Content-Length", "16000000")])
        return environ["wsgi.file_wrapper"](path.open("rb"))

    with serving(app) as site:
        connection = parked(site, GET)
        wait_for_answers([connection])
        os.truncate(path, 1000)
        assert 0 < drained(connection) < 16_000_000


# --- the end -------------------------------------------------------------------------------------


def test_stopping_finishes_what_is_under_way_and_nothing_else(parked: Park) -> None:
    gate = Gate()
    with serving(gate) as site:
        working, idle, half = parked(site, GET), parked(site, b""), parked(site, GET[:-1])
        assert gate.entered.acquire(timeout=PATIENCE_S)
        site.stop.set()
        assert is_closed(idle)
        assert is_closed(half)
        with pytest.raises(ConnectionError):
            site.connect()
        gate.opened.set()
        assert parse_answer(working).body == b"done"
        site.thread.join(PATIENCE_S)
        assert not site.thread.is_alive()


def test_stopping_does_not_wait_for_ever(parked: Park) -> None:
    gate = Gate()
    with serving(gate, bounds=Bounds(drain_s=0.3)) as site:
        parked(site, GET)
        assert gate.entered.acquire(timeout=PATIENCE_S)
        site.stop.set()
        site.thread.join(PATIENCE_S / 2)  # while the app goes on
        assert not site.thread.is_alive()
        gate.opened.set()


def test_an_app_that_fails_is_answered_500_without_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def app(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
        raise RuntimeError("secret")

    with serving(app) as site:
        answer = site.ask()
    assert (answer.status, answer.error) == (500, "failed")
    assert b"secret" not in answer.body
    assert "secret" in caplog.text
