"""A disk that may lose or tear whatever was not synced, rebuilt from what a program did to it.

`record` runs a program under strace. A Disk takes the recorded operations one by one and says, at
any moment, what could be found after a power cut. It assumes the worst the standards allow: of what
was written since the last sync of a file any 512-byte sectors may be there, in any mixture; of the
names made or removed since the last sync of their folder any may be; bytes that a file was grown by
without being written may be zeros or left-overs.
"""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR_BYTES = 512
TRACED = (
    "openat,pwrite64,write,writev,pwritev,fsync,fdatasync,ftruncate,truncate,fallocate,unlink,"
    "unlinkat,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,sync_file_range,copy_file_range"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One call, as far as it matters to a disk. `path` is absolute."""

    name: str
    path: str
    offset: int = 0
    data: bytes = b""


def record(command: list[str], folder: Path, log: Path) -> list[Operation]:
    """Run a command to its end; what it did below `folder`, and what it wrote to its output."""
    strace = ["strace", "-f", "-qq", "-y", "-xx", "-s", "100000000", "-e", "signal=none"]
    subprocess.run(
        [*strace, "-e", f"trace={TRACED}", "-o", str(log), *command],
        check=True,
        stdout=subprocess.PIPE,
    )
    with open(log) as lines:
        return [
            operation
            for line in lines
            for operation in _parsed(line)
            if operation.name == "report" or Path(operation.path).is_relative_to(folder)
        ]


def _parsed(line: str) -> Iterator[Operation]:
    match = re.fullmatch(r"\d+ +(\w+)\((.*)\) += (-?\d+).*\n", line)
    assert match, f"strace wrote a line this test can't read: {line[:200]!r}"
    name, arguments, result = match[1], match[2], int(match[3])
    if result < 0:
        return
    texts = [bytes.fromhex(text.replace("\\x", "")) for text in re.findall(r'"([^"]*)"', arguments)]
    descriptor = re.match(r"(\d+)<([^>]*)>", arguments)
    path = ""
    if descriptor:
        hexed = descriptor[2]
        path = bytes.fromhex(hexed.replace("\\x", "")).decode() if "\\x" in hexed else hexed
    numbers = [int(number) for number in re.findall(r", (\d+)", arguments)]
    match name:
        case "write" if descriptor and descriptor[1] == "1":
            yield Operation("report", "", data=texts[0])
        case "openat" if "O_CREAT" in arguments:
            yield Operation("create", texts[0].decode())
        case "openat":
            return
        case "pwrite64":
            yield Operation("write", path, numbers[-1], texts[0][:result])
        case "ftruncate":
            yield Operation("truncate", path, numbers[-1])
        case "fallocate":
            yield Operation("grow", path, numbers[-2] + numbers[-1])
        case "fsync" | "fdatasync":
            yield Operation("sync", path)
        case "unlink":
            yield Operation("unlink", texts[0].decode())
        case "mkdir":
            yield Operation("create", texts[0].decode())
        case "rename":
            yield Operation("rename", texts[0].decode(), data=texts[1])
        case _:
            # Unknown to the model: it must be taught, or whatever it does would not be tested.
            yield Operation(name, path or texts[0].decode())


@dataclass(slots=True, eq=False)
class _File:
    """`durable` and what happened to it since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Operation] = field(default_factory=list)


class Disk:
    """Files by name below `folder`, which is there already, as they are and would be found."""

    def __init__(self, folder: Path) -> None:
        self._names: dict[str, _File] = {}  # as programs see them
        self._durable_names = {str(folder): _File()}
        self._pending_names: list[dict[str, _File | None]] = []  # a rename is two at once

    def take(self, operation: Operation) -> None:
        """Let one recorded operation happen."""
        path = operation.path
        match operation.name:
            case "create":
                if path not in self._names:
                    self._set_names({path: _File()})
            case "unlink":
                self._set_names({path: None})
            case "rename":
                self._set_names({path: None, operation.data.decode(): self._names[path]})
            case "write" | "truncate" | "grow":
                if path in self._names:  # else unlinked, and nothing but memory
                    self._names[path].pending.append(operation)
            case "sync":
                if path in self._names:
                    file = self._names[path]
                    for pending in file.pending:
                        _change(file.durable, pending)
                    file.pending.clear()
                self._sync_names(path)
            case _:
                raise AssertionError(f"the disk model does not know {operation.name} of {path}")

    def found(self, rng: random.Random) -> dict[str, bytes]:
        """One thing that may be found after a power cut now: files by name."""
        names = dict(self._durable_names)
        keep = rng.choice([0.0, 0.5, 1.0])
        lost: set[str] = set()
        for change in self._pending_names:
            if lost & change.keys() or rng.random() >= keep:
                lost |= change.keys()  # and so is whatever happened to these names later
            else:
                _set(names, change)
        return {
            name: _found(file, rng)
            for name, file in names.items()
            if str(Path(name).parent) in names
        }

    def _set_names(self, change: dict[str, _File | None]) -> None:
        _set(self._names, change)
        self._pending_names.append(change)

    def _sync_names(self, folder: str) -> None:
        others = []
        for change in self._pending_names:
            if any(str(Path(name).parent) == folder for name in change):
                _set(self._durable_names, change)
            else:
                others.append(change)
        self._pending_names = others


def _set(names: dict[str, _File], change: dict[str, _File | None]) -> None:
    for name, file in change.items():
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file


def _found(file: _File, rng: random.Random) -> bytes:
    content = bytearray(file.durable)
    keep = rng.choice([0.0, 0.1, 0.5, 0.9, 1.0])
    in_order = rng.choice([rng.randrange(len(file.pending) + 1), 0])
    junk = rng.choice([b"\0", b"\xa5"])
    for number, operation in enumerate(file.pending):
        if number < in_order:
            _change(content, operation, junk)
        elif operation.name != "write":
            if rng.random() < keep:
                _change(content, operation, junk)
        else:
            for sector in _sectors(operation):
                if rng.random() < keep:
                    _change(content, sector, junk)
    return bytes(content)


def _sectors(write: Operation) -> Iterator[Operation]:
    start, end = write.offset, write.offset + len(write.data)
    while start < end:
        stop = min(end, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
        data = write.data[start - write.offset : stop - write.offset]
        yield Operation("write", write.path, start, data)
        start = stop


def _change(content: bytearray, operation: Operation, junk: bytes = b"\0") -> None:
    end = operation.offset + len(operation.data)
    if len(content) < end:
        content.extend(junk * (end - len(content)))
    if operation.name == "write":
        content[operation.offset : end] = operation.data
    elif operation.name == "truncate":
        del content[end:]
