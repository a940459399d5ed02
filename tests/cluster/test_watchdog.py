"""cluster.watchdog: a program that stands still ends, and one that only waits does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tools.testing.waiting import PATIENCE_S

PROGRAM = """
import asyncio, threading
from edge_app.cluster import watchdog

watchdog.STILL_S, watchdog._LOOK_S = 50, 0.02

async def main():
    watchdog.watch(asyncio.get_running_loop())
    await asyncio.sleep(1.5)  # longer than it may stand still
    print("awake", flush=True)
    {then}

asyncio.run(main())
"""


@pytest.mark.parametrize(("then", "code"), [("pass", 0), ("threading.Event().wait()", 1)])
def test_a_loop_that_stands_still_ends_with_one_line(then: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(then=then)],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (code, "awake\n")
    assert done.stderr.count("\n") == code
    assert done.stderr.startswith("error: this machine stood still" if code else "")
