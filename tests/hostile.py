"""Hostile input for the server: names, texts and files that try to be something else."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from PIL import Image

from tools.testing.pictures import picture

CANARY = "canary-7d1f0a-must-not-leave"

# --- names and texts -----------------------------------------------------------------------------

MARKUP = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</title><script>alert(1)</script>",
    "<iframe src=javascript:alert(1)>",
    "javascript:alert(1)",
    "&lt;script&gt;alert(1)&lt;",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "`${alert(1)}`",
    "<!--",
    "]]>",
    "\\u003cscript\\u003ealert(1)",
    "'; DROP TABLE images;--",
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "%s%s%n",
    "\x1b[31mred\x1b]0;title\x07",
    "line\nbreak",
    "carriage\r\nSet-Cookie: a=b",
    "tab\tand\x01",
    "\u202egpj.exe",
    "\u2028\u2029",
    "a" * 200,
    "e\u0301\u0327" * 20,
    "..%2f..%2fetc%2fpasswd",
]


def hostile_names() -> list[bytes]:
    """25 file names, some not even text; a name can't hold a slash or a NUL."""
    names = [text.replace("/", "\u2215").encode()[:240] for text in MARKUP]
    names[-2:] = [b"\xff\xfe\x80", b"-rf "]
    return [name + b".png" for name in names]


def hostile_texts() -> list[str]:
    """25 texts for EXIF."""
    return MARKUP


# --- files that are two things at once -----------------------------------------------------------


def polyglots() -> dict[str, bytes]:
    """20 images that also are a page, a script, an archive or the start of something else."""
    payloads = {
        "html": b"<!doctype html><script>alert(document.domain)</script>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "js": b"*/alert(1)/*",
        "php": b"<?php system($_GET[0]); ?>",
        "pdf": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj",
    }
    made: dict[str, bytes] = {}
    for name, payload in payloads.items():
        for kind in ("JPEG", "PNG", "GIF"):
            made[f"appended {name}.{kind.lower()}"] = encoded(kind) + payload
        made[f"comment {name}.jpg"] = with_comment(encoded("JPEG"), payload)
    return made


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    picture(hash(kind) % 100).save(buffer, kind)
    return buffer.getvalue()


def with_comment(jpeg: bytes, text: bytes) -> bytes:
    """The comment right behind the first marker, where a sniffing browser looks."""
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]


def make_library(root: Path) -> None:
    """Images with hostile names, EXIF and content, links out of the library, and a canary."""
    for seed, name in enumerate(hostile_names()):
        with open(os.fsencode(root) + b"/" + name, "wb") as file:
            picture(seed).save(file, "PNG")
    for seed, text in enumerate(hostile_texts()):
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = text, text
        picture(100 + seed).save(root / f"exif {seed}.jpg", exif=exif)
    for polyglot, data in polyglots().items():
        (root / polyglot).write_bytes(data)
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(CANARY)
    picture(200).save(outside / "secret.png")
    (root / "notes.txt").write_text(CANARY)
    (root / "link.png").symlink_to(outside / "secret.png")
    (root / "linked").symlink_to(outside)


# --- paths ---------------------------------------------------------------------------------------

UPWARDS = [
    "../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "..\\", "%252e%252e%252f", "....//", "..;/",
    "%c0%ae%c0%ae/", "..%c0%af", "..%00/", ".%2e/", "%2e./", "..%ef%bc%8f", "//../", "/./../",
]  # fmt: skip
PLACES = ["", "css/", "js/", "icons/", "static/", "thumbs/", "originals/", "api/images/", "api/"]
TARGETS = [
    "etc/passwd", "proc/self/environ", "notes.txt", "outside/secret.txt", "catalog.db",
    "images/photo.jpg", "edge_app/config.py",
]  # fmt: skip


def traversals(count: int) -> list[str]:
    """Paths that try to reach a file by its name, always the same ones."""
    made = [
        f"/{place}{upwards * depth}{target}"
        for place, upwards, depth, target in product(PLACES, UPWARDS, (1, 2, 8), TARGETS)
    ]
    made += [f"/{place}{absolute}" for place in PLACES for absolute in ABSOLUTE]
    return random.Random(6).sample(made, count)


ABSOLUTE = ["/etc/passwd", "file:///etc/passwd", "%2fetc%2fpasswd", "C:\\boot.ini", "~root/.ssh"]

# --- bytes ---------------------------------------------------------------------------------------

TOKENS = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"HTTP/1.1", b"chunked", b"0\r\n\r\n", b"-1",
    b"99999999999999999999", b"%00", b"\xff", b"\xc3\x28", b"--edge", b"--edge--",
    b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"Host: evil\r\n",
    b"Expect: 100-continue\r\n", b"bytes=0-,-1",
    b"Range: bytes=9-1\r\n", b'filename="', b"../", b"{", b"[", b'"',
]  # fmt: skip


def mutations(seeds: list[bytes], count: int) -> Iterator[bytes]:
    """`count` damaged versions of the seeds, always the same ones."""
    chance = random.Random(5000)
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            at, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
            end = min(end, at + 40)
            match chance.randrange(5):
                case 0:
                    data[at:at] = chance.choice(TOKENS)
                case 1:
                    data[at:end] = chance.choice(TOKENS)
                case 2:
                    data[at:at] = data[at:end] * chance.randint(1, 5)
                case 3 if at < len(data):
                    data[at] ^= 1 << chance.randrange(8)
                case _:
                    del data[at:end]
        yield bytes(data)
