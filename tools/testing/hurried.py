"""`python -m tools.testing.hurried`: `python -m edge_app` at full priority, for tests that wait.

Beside programs that keep every processor busy an index run gets a hundredth of one, as it should.
"""

from __future__ import annotations

import os
import sys

from edge_app.__main__ import run

PROGRAM = (sys.executable, "-m", "tools.testing.hurried")


def main() -> int:
    os.setpriority = lambda *_: None
    if sys.argv[1:2] != ["index"]:  # a server starts index runs
        from edge_app.indexing import process

        process.PROGRAM = PROGRAM
    return run()


if __name__ == "__main__":
    sys.exit(main())
