"""`python -m tools.testing.hurried`: `python -m edge_app` at full priority, for tests that wait.

Beside programs that keep every processor busy an index run gets a hundredth of one, as it should.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from edge_app.__main__ import run

PROGRAM = (sys.executable, "-m", "tools.testing.hurried")


def changes() -> Iterator[tuple[object, str, object]]:
    """What is set to what, so that nothing that is started is nice."""
    from edge_app.indexing import process
    from edge_app.photos.children.pool import DecodePool

    yield process, "PROGRAM", PROGRAM
    _, *others = DecodePool.__init__.__defaults__ or ()
    yield DecodePool.__init__, "__defaults__", (0, *others)


def main() -> int:
    os.setpriority = lambda *_: None
    if sys.argv[1:2] != ["index"]:  # which sets what NumPy reads when it is imported
        for change in changes():
            setattr(*change)
    return run()


if __name__ == "__main__":
    sys.exit(main())
