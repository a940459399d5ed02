"""The pins of requirements-edge.txt: what the device needs, and the extras it may have."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.conftest import ROOT

# `# ` begins an extra, two spaces begin a comment.
LINE = re.compile(r"^(#   )?([\w-]+)==([^\s;]+)(?:; (.*?))?(?: {2}.*)?$", re.MULTILINE)


class Pin(NamedTuple):
    """One line: a distribution, its version, and where it is wanted."""

    extra: bool
    name: str
    version: str
    marker: str  # as PEP 508 has them; "" for everywhere

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"


def edge_pins() -> list[Pin]:
    """Every pin, extras included."""
    found = LINE.findall((ROOT / "requirements-edge.txt").read_text())
    return [Pin(bool(extra), name, version, marker) for extra, name, version, marker in found]
