"""`python -m edge_app`, and the installed command `lookalike`: see `cli`."""

import os
import sys


def run() -> int:
    """The command line of this process, to its exit code."""
    try:
        from edge_app.cli import ending  # not above, where Ctrl-C would be a traceback

        ending.end_at_once()
        try:
            return _run()
        finally:
            ending.take_ctrl_c()
    except KeyboardInterrupt:
        return 130  # as a shell reports SIGINT


def _run() -> int:
    from edge_app import host

    _open_streams()
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


def _open_streams() -> None:
    """Standard streams that were closed lead nowhere. Else a file of the index would get the number
    of one, and what libraries write to standard error."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


if __name__ == "__main__":
    sys.exit(run())
