"""Takes the network away from a process: a codec that was taken over can't send what it reads."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

# What linux/audit.h calls these processors, and their number of socket(2).
_PROCESSORS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_IO_URING_SETUP = 425  # which opens sockets too
_X32 = 0x40000000  # calls of x86_64's other way to number them
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # linux/bpf_common.h
_NUMBER, _ARCHITECTURE = 0, 4  # places in seccomp_data (seccomp(2))
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 13  # with EACCES
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2  # prctl(2)
_KERNEL = Path("/proc/sys/kernel/seccomp/actions_avail")


def can_do_without() -> bool:
    """Whether this machine can take it away."""
    return _processor() is not None and _KERNEL.exists()


def without_network() -> bool:
    """Refuse every new socket to this process and those it starts, for good; whether that is so.

    A filter of the kernel (seccomp), which needs no rights and costs nothing. False where there is
    none, or the processor is another.
    """
    processor = _processor()
    if processor is None:
        return False
    architecture, socket = processor
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IF_EQUAL, 0, 5, architecture),
        (_LOAD, 0, 0, _NUMBER),
        (_IF_AT_LEAST, 3, 0, _X32),
        (_IF_EQUAL, 2, 0, socket),
        (_IF_EQUAL, 1, 0, _IO_URING_SETUP),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    import ctypes  # which whoever only asks has no need of

    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    program = ctypes.create_string_buffer(code)
    head = struct.pack("@HP", len(steps), ctypes.addressof(program))
    prctl = ctypes.CDLL(None).prctl
    if prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    done: int = prctl(_SET_SECCOMP, _FILTER, ctypes.create_string_buffer(head), 0, 0)
    return done == 0


def _processor() -> tuple[int, int] | None:
    is_64_bit = sys.maxsize > 2**32
    return _PROCESSORS.get(os.uname().machine) if is_64_bit else None
