"""`lookalike doctor`: what is wrong on this device, the sentence to act on first."""

from __future__ import annotations

import json
import os
import time
from argparse import Namespace
from collections.abc import Iterator

from edge_app.answering import answers
from edge_app.cli.commands.info import describe
from edge_app.cli.folder import all_served
from edge_app.config import Config, MiB
from edge_app.errors import printable
from edge_app.index.format.locking import free_bytes, may_write
from edge_app.library.inotify import shortage
from edge_app.library.mounts import mount_of, mounts
from edge_app.library.places import is_url
from edge_app.memory import available_bytes

RELEASED_S = 1_767_225_600  # 2026-01-01: no clock that goes shows an earlier time
FREE_MIB = 64  # 2,600 photos


def doctor(config: Config, options: Namespace) -> int:
    """Print what to fix; 1 if there is anything."""
    problems = [*library_problems(config, options), *device_problems(config)]
    if options.json:
        print(json.dumps({"problems": problems}))
        return bool(problems)
    for number, problem in enumerate(problems):
        print(f"{'first' if number == 0 else 'then'}: {printable(problem)}")
    if not problems:
        print("All is well.")
    return bool(problems)


def library_problems(config: Config, options: Namespace) -> list[str]:
    """What is wrong with folders, model or index; of every library where none is named."""
    is_named = options.index or options.galleries or os.path.exists(config.index)
    configs = [config] if is_named else all_served(config, models=options.model is None)
    found = [[*folder_problems(one), *describe(one)["to fix"]] for one in configs]
    return list(dict.fromkeys(
        problem if all(problem in others for others in found) else f"{one.index.name}: {problem}"
        for one, problems in zip(configs, found, strict=True)
        for problem in problems
    ))  # fmt: skip


def device_problems(config: Config) -> Iterator[str]:
    """What is wrong with the device rather than with folders, model or index, a line each."""
    need_mib = config.limits.decode_memory_bytes // MiB
    free_mib = available_bytes() // MiB
    if free_mib < need_mib:
        yield (
            f"{free_mib} MiB of memory are available, and decoding one photo may take {need_mib}: "
            "end other programs, or choose a smaller --decode-memory"
        )
    if time.time() < RELEASED_S:
        yield (
            f"the clock says {time.strftime('%Y-%m-%d')}, which is long ago: set it "
            "(timedatectl set-ntp true), or sessions end at once and dates of photos are wrong"
        )


def folder_problems(config: Config) -> Iterator[str]:
    """What keeps this user from reading the photos, or writing the index."""
    if not may_write(config.index):
        yield (
            f"the index folder {config.index} can't be written by this user; choose another with "
            "--index, or change the owner of it"
        )
    mount = mount_of(str(config.index.absolute()), mounts())
    if mount is not None and not mount.has_events:
        yield (
            f"the index folder {config.index} is on {mount.kind}, a file system whose locks can't "
            "be trusted; choose a folder on a disk of this device with --index"
        )
    if (free_mib := free_bytes(config.index) // MiB) < FREE_MIB:
        yield (
            f"{free_mib} MiB are free where the index folder {config.index} is, and 1,000 photos "
            "take about 24: delete other files, or choose another folder with --index"
        )
    for _, root in config.places:
        if is_url(root) or not answers(root) or not os.path.isdir(root):
            continue  # said by the source itself
        if not os.access(root, os.R_OK | os.X_OK):
            yield f"the photo folder {root} can't be read by this user; change its permissions"
            continue
        closed: list[OSError] = []
        if short := shortage(sum(1 for _ in os.walk(root, onerror=closed.append))):
            yield short
        if closed:
            more = f" and {len(closed) - 1} more" if len(closed) > 1 else ""
            yield (
                f"this user can't read the folder {printable(str(closed[0].filename))}{more}; "
                "change the permissions"
            )
