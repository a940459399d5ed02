"""The files of the web page: no path from a client reaches the file system."""

from __future__ import annotations

from pathlib import Path

import bottle
from bottle import HTTPResponse, request

PACKAGE = Path(__file__).parents[2]
# Inside the package where it was installed, beside it in a checkout.
STATIC = PACKAGE / "static" if (PACKAGE / "static").is_dir() else PACKAGE.parent / "static"
FOLDERS = ("css", "js", "icons", "messages")  # not images: that is the default gallery


def add_routes(app: bottle.Bottle) -> None:
    """The page at /, and its files beside it."""
    files = files_of_page()

    @app.get("/")
    def index() -> HTTPResponse:
        return bottle.static_file("index.html", STATIC)

    @app.get("/<name:re:[^/]+>")
    @app.get(f"/<name:re:(?:{'|'.join(FOLDERS)})/.+>")
    def static(name: str) -> HTTPResponse:
        if name not in files:
            bottle.abort(404, f"Not found: {request.path!r}")
        answer = bottle.static_file(name, STATIC)
        # Small files, asked for again at each visit: an update shows at once.
        answer.set_header("Cache-Control", "no-cache")
        return answer


def files_of_page() -> frozenset[str]:
    """The files of the page, by their paths below STATIC. A client's path is looked up among them
    and never reaches the file system, where `js/../images/` would lead elsewhere."""
    found = [
        *STATIC.glob("*"),
        *(file for name in FOLDERS for file in STATIC.glob(f"{name}/**/*")),
    ]
    return frozenset(file.relative_to(STATIC).as_posix() for file in found if file.is_file())
