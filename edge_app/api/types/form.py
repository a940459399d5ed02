"""Reads a multipart form (RFC 7578) where it lies in memory: nothing of an upload is copied."""

from __future__ import annotations

import re
from typing import NamedTuple

from edge_app.errors import LimitError, UsageError
from edge_app.server.bounds import BOUNDS

PARTS_MAX = 64  # fields and files of a form

# At most 70 characters (RFC 2046, 5.1.1).
BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70})(?![^\s;]))', re.IGNORECASE)
DISPOSITION = re.compile(rb"(?:^|\r\n)content-disposition:[ \t]*form-data([^\r\n]*)", re.IGNORECASE)
PARAMETER = re.compile(rb';[ \t]*([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')


class Form(NamedTuple):
    """The fields of a form by their names; of several with one name the last."""

    texts: dict[str, str]
    files: dict[str, memoryview]  # views of the body


def read_form(body: memoryview, content_type: str) -> Form:
    """The form in a request's body; UsageError or LimitError says why it can't be read."""
    named = BOUNDARY.search(content_type)
    if named is None:
        raise UsageError("the form can't be read: its Content-Type has no boundary")
    line = b"--" + (named[1] or named[2]).encode("latin-1")
    boundary = re.compile(re.escape(b"\r\n" + line))
    # The lines of a part's header and the empty one behind them.
    header = re.compile(rb"[ \t]{0,70}\r\n(.{0,%d}?)\r\n\r\n" % BOUNDS.header_bytes, re.DOTALL)
    form = Form({}, {})
    place = len(line) if body[: len(line)] == line else _end(boundary.search(body))
    for _ in range(PARTS_MAX + 1):
        if bytes(body[place : place + 2]) == b"--":
            return form
        head = header.match(body, place)
        start = _end(head)
        end = boundary.search(body, start)
        place = _end(end)
        assert head and end
        _add(form, head[1], body[start : end.start()])
    raise LimitError(f"the form has more than {PARTS_MAX} parts")


def _end(found: re.Match[bytes] | None) -> int:
    if found is None:
        raise UsageError("the form can't be read: a part is damaged or its end is missing")
    return found.end()


def _add(form: Form, header: bytes, content: memoryview) -> None:
    disposition = DISPOSITION.search(header)
    found = PARAMETER.findall(disposition[1] if disposition else b"")
    parameters = {key.lower(): quoted or plain for key, quoted, plain in found}
    try:
        name = parameters[b"name"].decode()
        if b"filename" in parameters or b"filename*" in parameters:
            form.files[name] = content
            return
        if len(content) > BOUNDS.header_bytes:
            raise LimitError(f"the form's {name} is over {BOUNDS.header_bytes} bytes")
        form.texts[name] = bytes(content).decode()
    except KeyError:
        raise UsageError("the form can't be read: a part has no name") from None
    except UnicodeDecodeError:
        raise UsageError("the form can't be read: a text in it is not UTF-8") from None
