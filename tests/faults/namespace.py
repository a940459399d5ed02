"""Runs a test program where it may mount what it likes, and nothing of it stays."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest


def run_in_mount_namespace(module: str, *arguments: object) -> list[dict[str, Any]]:
    """The JSON objects that `python -m module` prints; skips where namespaces are forbidden."""
    namespace = ["unshare", "--map-root-user", "--mount"]
    try:
        subprocess.run([*namespace, "mount", "-t", "tmpfs", "t", "/mnt"], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting needs a mount namespace, which can't be made here: {error}")
    command = [*namespace, sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return [json.loads(line) for line in done.stdout.splitlines()]
