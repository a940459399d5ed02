"""One hostile client: its connections, all from one address, do one thing again and again.

    python -m benchmarks.load.attackers ATTACK PORT ADDRESS CONNECTIONS PHOTO_IDS

Whoever is cut off connects again at once. Runs until it is ended.
"""

from __future__ import annotations

import itertools
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

HEADERS = "Host: 127.0.0.1\r\nX-Lookalike: 1\r\n"
SLOW_BYTES_PER_S = 40_000  # just above what the server puts up with
AHEAD = 300  # requests in one packet
RETRY_S = 0.05  # after a refused connection


class Client:
    """One connection at a time, and what the attack is about."""

    def __init__(self, port: int, address: str, number: int, photos: list[int]) -> None:
        self.port, self.address, self.number, self.photos = port, address, number, photos
        self.socket: socket.socket | None = None

    def connect(self) -> socket.socket:
        self.close()
        self.socket = socket.socket()
        self.socket.settimeout(30)
        self.socket.bind((self.address, 0))
        self.socket.connect(("127.0.0.1", self.port))
        return self.socket

    def close(self) -> None:
        if self.socket:
            self.socket.close()
            self.socket = None

    def ask(self, path: str, method: str = "GET", more: str = "", body: bytes = b"") -> None:
        """One request, and all of its answer."""
        connection = self.socket or self.connect()
        connection.sendall(f"{method} {path} HTTP/1.1\r\n{HEADERS}{more}\r\n".encode() + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._received(connection)
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        left = int(length[1]) - len(rest) if length else 0
        while left > 0:
            left -= len(self._received(connection))
        if b"close" in head.lower():
            self.close()

    @staticmethod
    def _received(connection: socket.socket) -> bytes:
        data = connection.recv(65536)
        if not data:
            raise ConnectionError
        return data


def falling_scores(client: Client) -> None:
    """Near-duplicates for a score that is always a little lower."""
    for step in itertools.count(client.number, 1000):
        client.ask(f"/api/duplicates?min_score={0.95 - step % 14000 / 100_000}")


def requests_ahead(client: Client) -> None:
    """Hundreds of requests in one packet, quick ones and others in turns."""
    paths = ["/healthz", "/thumbs/1", "/api/status"]
    packet = "".join(f"GET {paths[n % 3]} HTTP/1.1\r\n{HEADERS}\r\n" for n in range(AHEAD))
    connection = client.connect()
    sender = threading.Thread(target=connection.sendall, args=(packet.encode(),), daemon=True)
    sender.start()
    while sender.is_alive() or connection.recv(65536):
        connection.recv(65536)


def slow_reading(client: Client) -> None:
    """An original, read at a rate that the server puts up with."""
    connection = client.connect()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    photo = client.photos[client.number % len(client.photos)]
    connection.sendall(f"GET /originals/{photo} HTTP/1.1\r\n{HEADERS}\r\n".encode())
    while data := connection.recv(SLOW_BYTES_PER_S // 10):
        time.sleep(len(data) / SLOW_BYTES_PER_S)


def previews(client: Client) -> None:
    """Previews, none of which is kept."""
    for number in itertools.count(client.number):
        client.ask(f"/previews/{client.photos[number % len(client.photos)]}")


def regions(client: Client) -> None:
    """Searches for a region, each another."""
    for number in itertools.count(client.number):
        photo = client.photos[number % len(client.photos)]
        client.ask(f"/api/images/{photo}/similar?box=0.1,0.1,0.{500 + number % 400},0.5")


def uploads(client: Client) -> None:
    """A photo to search for."""
    photo = Path(sys.argv[6]).read_bytes()
    body = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    body += photo + b"\r\n--b--\r\n"
    more = f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(body)}\r\n"
    while True:
        client.ask("/api/search", "POST", more, body)


def searches(client: Client) -> None:
    """Searches, as fast as they are answered."""
    for number in itertools.count(client.number):
        client.ask(f"/api/images/{client.photos[number % len(client.photos)]}/similar?k=1000")


def listings(client: Client) -> None:
    """The whole library, with a filter that is always another."""
    for number in itertools.count(client.number):
        client.ask(f"/api/layout?from=1970-01-01T00:{number // 60 % 60:02}:{number % 60:02}")


def dripping(client: Client) -> None:
    """A header, a byte at a time."""
    connection = client.connect()
    connection.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


def connecting(client: Client) -> None:
    """Connections that are opened and dropped."""
    client.connect().sendall(b"GET / HTTP/1.1\r\n")
    client.close()


def passcodes(client: Client) -> None:
    """Guesses."""
    form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 18\r\n"
    for number in itertools.count(client.number):
        client.ask("/login", "POST", form, b"passcode=%09d" % (number % 10**9))


def holding(client: Client) -> None:
    """A connection that asks for nothing: as many of them as there are descriptors."""
    client.connect().recv(1)


ATTACKS: dict[str, Callable[[Client], None]] = {
    attack.__name__: attack
    for attack in (
        falling_scores, requests_ahead, slow_reading, previews, regions, uploads, searches,
        listings, dripping, connecting, passcodes, holding,
    )
}  # fmt: skip


def main() -> None:
    """Attack until this process is ended."""
    name, port, address, connections, photos = sys.argv[1:6]
    attack = ATTACKS[name]

    def again(number: int) -> None:
        client = Client(int(port), address, number, json.loads(photos))
        while True:
            with suppress(OSError):
                attack(client)
            client.close()
            time.sleep(RETRY_S)

    for number in range(int(connections)):
        threading.Thread(target=again, args=(number,), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
