"""The command `passcode`."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from getpass import getpass

from edge_app.config import Config
from edge_app.errors import UsageError
from edge_app.guard.passcode import end_sessions, make_token, read_hash, write_passcode

DAY_S = 24 * 3600


def passcode(config: Config, options: Namespace) -> int:
    """Ask for a passcode and keep its hash in a file; or make a token for a program."""
    if options.token is not None:
        print(make_token(read_hash(options.file), int(time.time()) + options.token * DAY_S))
        return 0
    if options.sign_out:
        end_sessions(options.file)
        print("All sessions and tokens of this passcode file have ended.")
        return 0
    if sys.stdin.isatty():
        text = getpass("Passcode: ")
        if getpass("Repeat the passcode: ") != text:
            raise UsageError("the two passcodes differ; no file was written")
    else:
        text = sys.stdin.readline().rstrip("\n")
    write_passcode(options.file, text)
    print(f"{options.file} is written. Use it with: lookalike serve --passcode-file {options.file}")
    return 0
