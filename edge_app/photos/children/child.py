"""A decoding child: `python -m edge_app.photos.children.child SETTINGS`, started by its parent.

Takes jobs from standard input and answers each on standard output until the input ends, which it
also does when the parent was killed. A message is a JSON head and a body of raw bytes. Not pickle:
what comes from a process that read hostile files must not be able to run code in its parent.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from edge_app.config import Limits
from edge_app.errors import DecodeError, EdgeAppError, UnreadableError
from edge_app.library.originals import fingerprint, open_original
from edge_app.library.source import InFolder
from edge_app.photos.children.decode import Decoded
from edge_app.photos.children.nonetwork import without_network
from edge_app.photos.reading.lacks import check_size
from edge_app.photos.regions import Box

EXIT_MEMORY = 12  # ENOMEM; nothing Python itself exits with
Decode = Callable[[bytes, int, Limits, Sequence[Box]], Decoded]
LENGTHS = struct.Struct("<II")  # of head and body


class Settings(NamedTuple):
    """What a child is told once, on its command line."""

    size_px: int
    limits: dict[str, Any]
    nice: int
    decoder: str  # the module whose `decode` is called


def message(head: dict[str, Any], body: bytes | memoryview = b"") -> list[bytes | memoryview]:
    """One message of either direction, in parts: the body may be large."""
    text = json.dumps(head).encode()
    return [LENGTHS.pack(len(text), len(body)), text, body]


def main() -> None:
    """Serve jobs until standard input ends."""
    settings = Settings(*json.loads(sys.argv[1]))
    limits = Limits(**settings.limits)
    decode: Decode = importlib.import_module(settings.decoder).decode
    jobs, answers = _private_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends the input
    os.nice(settings.nice)
    without_network()
    _cap_memory(limits.decode_memory_bytes)
    try:
        _send(answers, message({"ready": True}))
        while lengths := jobs.read(LENGTHS.size):
            head_bytes, body_bytes = LENGTHS.unpack(lengths)
            head, body = json.loads(jobs.read(head_bytes)), jobs.read(body_bytes)
            # The parent kills us long before; should it be dead, SIGPROF's default action does.
            signal.setitimer(signal.ITIMER_PROF, 2 * limits.decode_s)
            _send(answers, _answer(head, body, settings, limits, decode))
            signal.setitimer(signal.ITIMER_PROF, 0)
    except MemoryError:
        os._exit(EXIT_MEMORY)
    except BrokenPipeError:
        os._exit(0)  # the parent is gone


def _private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for us alone: a codec that prints must not break a message."""
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    return jobs, answers


def _cap_memory(growth_bytes: int) -> None:
    """Let the address space grow by so much and no more; a crash leaves no core file either."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit_bytes = pages * resource.getpagesize() + growth_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _send(answers: BinaryIO, answer: list[bytes | memoryview]) -> None:
    answers.writelines(answer)
    answers.flush()


def _answer(
    head: dict[str, Any], body: bytes, settings: Settings, limits: Limits, decode: Decode
) -> list[bytes | memoryview]:
    """The message for one job: what was decoded, that it is known, or the error and its text."""
    try:
        data = body if head["file"] is None else _read(InFolder(*head["file"]), limits)
        if head["known"] == fingerprint(data).hex():
            return message({"same": True})
        boxes = [Box(*box) for box in head["boxes"]]
        return _pack(decode(data, settings.size_px, limits, boxes))
    except EdgeAppError as error:
        lacks = getattr(error, "lacks", "")
        return message({"error": type(error).__name__, "text": str(error), "lacks": lacks})
    except MemoryError:
        raise
    except Exception as error:  # a bug, ours or Pillow's: this image's end, not the run's
        reason = f"the decoder failed ({type(error).__name__})"
        return message({"error": DecodeError.__name__, "text": reason, "lacks": ""})


def _read(place: InFolder, limits: Limits) -> bytes:
    """The whole original, read once."""
    with open_original(Path(place.root), place.path) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        check_size(size_bytes, limits)
        try:
            data = file.read(size_bytes)
        except OSError as error:
            raise UnreadableError(f"can't be read: {error.strerror}") from None
    if len(data) < size_bytes:  # cut now, or a share that lost its server says so
        raise UnreadableError("can't be read: it ended too early")
    return data


def _pack(decoded: Decoded) -> list[bytes | memoryview]:
    """A `Decoded` as a message; `unpack` is its inverse."""
    facts = {
        "width_px": decoded.width_px,
        "height_px": decoded.height_px,
        "format": decoded.format,
        "taken_at": decoded.taken_at,
        "taken_from": decoded.taken_from,
        "taken_ms": decoded.taken_ms,
        "located": decoded.located,
        "camera": decoded.camera,
        "note": decoded.note,
        "content": decoded.content.hex(),
        "pattern": decoded.pattern,
        "thumbnail_bytes": len(decoded.thumbnail),
    }
    return message(facts, decoded.thumbnail + decoded.views)


def unpack(facts: dict[str, Any], body: bytes) -> Decoded:
    """The `Decoded` in an answer."""
    thumbnail_bytes = facts.pop("thumbnail_bytes")
    content = bytes.fromhex(facts.pop("content"))
    return Decoded(
        views=body[thumbnail_bytes:], thumbnail=body[:thumbnail_bytes], content=content, **facts
    )


if __name__ == "__main__":
    main()
