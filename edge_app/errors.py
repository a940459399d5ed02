"""Every error this package raises on purpose: one tree, each message one line that says what to do.

An error's message names the file, the value, the limit and the setting to change. `exit_code` is
what the command line returns, `status` and `code` are what the HTTP API answers.
"""

from pathlib import Path

MESSAGE_CHARS = 2000


def printable(text: str) -> str:
    """Text that a terminal prints and does not obey: without ESC, for example."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


class EdgeAppError(Exception):
    """Something the user can understand and correct; never a bug in the program."""

    exit_code = 1
    status = 500
    code = "failed"

    def __str__(self) -> str:
        """One line of bounded length, with no character that a terminal obeys: it may quote a file
        name, a model card or a file from elsewhere."""
        text = super().__str__()
        if len(text) > MESSAGE_CHARS:  # the end says what to do
            text = f"{text[: MESSAGE_CHARS // 2]} … {text[-MESSAGE_CHARS // 2 :]}"
        return printable(text)


class UsageError(EdgeAppError):
    """An argument or a request parameter has a value that can't be used."""

    exit_code = 2
    status = 400
    code = "bad_request"


class NotFoundError(EdgeAppError):
    """The thing asked for is not in the index (any more)."""

    exit_code = 2
    status = 404
    code = "not_found"


class LimitError(EdgeAppError):
    """An input is over a limit of `config.Limits`."""

    exit_code = 2
    status = 413
    code = "too_large"


class BusyError(EdgeAppError):
    """No capacity right now; the same request may succeed later."""

    status = 503
    code = "busy"


class LibraryError(EdgeAppError):
    """The library root is missing, unreadable or not a folder; or none of several is there.

    sources: why each can't be reached, by its name; "" is the only one.
    """

    def __init__(self, message: str, sources: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.sources = sources or {"": message}

    status = 503
    code = "library_offline"


class ModelError(EdgeAppError):
    """The model or its card is missing, damaged, or does not fit."""

    status = 503
    code = "model_unavailable"


class DelegateError(EdgeAppError):
    """The delegate library can't be loaded, or can't run the model."""

    status = 503
    code = "model_unavailable"


class DecodeError(EdgeAppError):
    """These bytes are not an image we can use; `str(error)` is the reason that is recorded.

    lacks: what it would take, a text of `photos.reading.lacks`; "" for another version of the
    decoders.
    """

    def __init__(self, reason: str, lacks: str = "") -> None:
        super().__init__(reason)
        self.lacks = lacks

    exit_code = 2
    status = 422
    code = "not_an_image"


class UnreadableError(DecodeError):
    """The original could not be read this time; worth another try even if it did not change."""

    exit_code = 1
    status = 503
    code = "unreadable"


class StoreError(EdgeAppError):
    """The index folder can't be read or written as it is."""

    status = 503
    code = "index_unavailable"


class NoIndexError(StoreError):
    """The index folder has no index yet."""

    def __init__(self, index: Path, gallery: str = "--gallery PHOTOS") -> None:
        folder = index if index.is_absolute() else f"./{index}"
        super().__init__(
            f"No index in {folder} yet. Create it with: lookalike index --index {folder} {gallery}"
        )


class OldIndexError(StoreError):
    """An earlier version of the program made the index, and it has to be brought up to date."""


class DiskFullError(StoreError):
    """The index folder's file system has no room for the batch; the batch was dropped."""

    status = 507
    code = "disk_full"


class LockedError(StoreError):
    """Another writer holds the index."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h
    code = "index_locked"


class ClusterError(EdgeAppError):
    """The machines of a cluster can't be reached, or did not answer in time."""

    status = 503
    code = "cluster"


class ServeError(EdgeAppError):
    """The server can't start: address in use, not available, or not permitted."""


class NotStrippableError(EdgeAppError):
    """An original whose location can't be taken out is not served with --strip-location."""

    status = 403
    code = "not_strippable"
