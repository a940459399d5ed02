"""`python -m edge_app`, and the installed command `lookalike`: see `cli`."""

import os
import sys

from edge_app import host


def run() -> int:
    """The command line of this process, to its exit code."""
    if problem := host.fault():
        sys.stderr.write(f"error: {problem}\n")
        return 1
    if sys.argv[1:2] == ["index"]:
        # The one product of matrices in an index run is small, and OpenBLAS's threads would then
        # spin for a while, on cores that could decode. It reads this when NumPy is imported, never
        # again.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from edge_app.cli.arguments import main

    return main()


if __name__ == "__main__":
    sys.exit(run())
