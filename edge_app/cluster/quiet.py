"""What Dask does unasked and is not to do here: open a port for pages, and tell every step."""

from __future__ import annotations

import logging


def no_page(*_: object, **__: object) -> None:
    """In the place of `start_http_server`: Dask would listen with its pages on one more port."""


def quietly() -> None:
    """Warnings only: what a user asked for is said by the commands."""
    logging.getLogger("distributed").setLevel(logging.WARNING)
