"""What a file would need to be read, so that it is tried again once that is there.

A rejected file is kept with one of these texts: a package that is missing, a limit and its value
then, or the version of what decoded it. No Pillow is loaded to compare them.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata, util
from pathlib import Path

from edge_app.config import LIMITS, Limits, MiB, limit_text, option_of
from edge_app.errors import DecodeError
from edge_app.host import install_with

DECODER = 6  # raised when decode.py learns to read more: whatever was "damaged" is tried again
INSTALL = {  # a module, and the package that brings it
    "pillow_heif": "pillow-heif",
    "pillow_jxl": "pillow-jxl-plugin",
    "rawpy": "rawpy",
}


def lacks_package(module: str) -> str:
    """A module is not installed."""
    return f"package {module}"


def lacks_limit(name: str, limits: Limits) -> str:
    """The file is over a limit as it is set now."""
    return f"limit {name}={getattr(limits, name)}"


def check_size(size_bytes: int, limits: Limits) -> None:
    """DecodeError for a file that is larger than any that is read."""
    if size_bytes > limits.file_bytes:
        raise DecodeError(
            f"{size_bytes / MiB:.1f} MiB, over the limit of {limits.file_bytes / MiB:g} "
            "(--file-size)",
            lacks_limit("file_bytes", limits),
        )


@cache
def lacks_version(package: str = "pillow") -> str:
    """These versions of the decoders can't read it."""
    return f"version {DECODER} {package} {metadata.version(package)}"


def needs_more(lacks: str) -> bool:
    """Whether a package or a higher limit is needed, and not another way to read the file."""
    return lacks.startswith(("package ", "limit "))


def is_worth_a_try(lacks: str, limits: Limits) -> bool:
    """Whether decoding may end differently now."""
    kind, _, what = lacks.partition(" ")
    if kind == "package":
        # A name of an index from elsewhere could have a package imported to look for it.
        return what in INSTALL and util.find_spec(what) is not None
    if kind == "limit":
        return lacks_limit(what.partition("=")[0], limits) != lacks if _is_limit(what) else True
    package = "".join(what.split()[1:2])
    module = next((name for name, brings in INSTALL.items() if brings == package), None)
    if module is None:
        return lacks != lacks_version()
    return util.find_spec(module) is not None and lacks != lacks_version(package)


def group_of(reason: str, lacks: str, path: str) -> tuple[str, str | None]:
    """What to call all files with such a rejection, and what to do about them."""
    kind, _, what = lacks.partition(" ")
    if kind == "package" and what in INSTALL:
        suffix = Path(path).suffix.lstrip(".").upper()
        return f"{suffix} photos need an add-on", install_with(INSTALL[what])
    if kind == "limit" and _is_limit(what):
        name, _, value = what.partition("=")
        text = limit_text(name, float(value))
        return f"over the limit of {text} ({option_of(name)})", f"raise it with {option_of(name)}"
    return reason, None


def _is_limit(what: str) -> bool:
    name, _, value = what.partition("=")
    return name in LIMITS and value.replace(".", "", 1).isdigit()
