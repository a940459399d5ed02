"""form: what browsers and programs send is read, and what is damaged is refused with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge_app.api.types import form
from edge_app.api.types.form import Form, read_form
from edge_app.errors import LimitError, UsageError
from edge_app.server.bounds import Bounds

TYPE = "multipart/form-data; boundary=edge"


@pytest.fixture(autouse=True, scope="module")
def small_bounds() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(form, "PARTS_MAX", 3)
        patch.setattr(form, "BOUNDS", Bounds(header_bytes=200))
        yield


def part(disposition: str, content: bytes = b"x") -> bytes:
    head = f"--edge\r\nContent-Disposition: form-data; {disposition}\r\n"
    return head.encode() + b"Content-Type: image/jpeg\r\n\r\n" + content + b"\r\n"


def read(*parts: bytes, content_type: str = TYPE, end: bytes = b"--edge--\r\n") -> Form:
    return read_form(memoryview(b"".join([*parts, end])), content_type)


def test_texts_and_files_by_their_names() -> None:
    found = read(part('name="folder"', "Frühling".encode()), part('name="image"; filename="a.jpg"'))
    assert found.texts == {"folder": "Frühling"}
    assert {name: bytes(data) for name, data in found.files.items()} == {"image": b"x"}


@pytest.mark.parametrize(
    "content",
    [b"", b"\r\n", b"\r\n--edg", b"--edge", b"\n--edge--\n", b"\r\n\r\n", bytes(range(256)) * 4],
)
def test_a_file_is_whole_whatever_it_holds(content: bytes) -> None:
    assert bytes(read(part('name="image"; filename="a"', content)).files["image"]) == content


def test_a_file_is_a_view_of_the_body() -> None:
    body = memoryview(part('name="image"; filename="a"') + b"--edge--")
    assert read_form(body, TYPE).files["image"].obj is body.obj


@pytest.mark.parametrize(
    "disposition",
    [
        'name="image"; filename="a; name=k"',
        'filename="\\"; name=\\"k"; name="image"',
        "name=image; filename=a",
        "name=\"image\"; filename*=UTF-8''a.jpg",
        'NAME="image";filename=""',
    ],
)
def test_the_name_is_the_parameter_not_a_text_within_another(disposition: str) -> None:
    assert list(read(part(disposition)).files) == ["image"]


def test_boundaries_may_be_quoted_and_have_text_before_and_behind() -> None:
    text = part('name="k"', b"5")
    assert read(text, content_type='multipart/form-data; boundary="edge"').texts == {"k": "5"}
    assert read(b"preamble\r\n", text, end=b"--edge--\r\nepilogue").texts == {"k": "5"}
    assert read(end=b"--edge--").texts == {}


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 71,
        'multipart/form-data; boundary="edge',
    ],
)
def test_a_form_without_a_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(UsageError, match="no boundary"):
        read(part('name="k"'), content_type=content_type)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--edg",
        b"--edge",
        b"--edge\r\n",
        part('name="k"'),
        part('name="k"')[:-1] + b"--edge--",
        part('name="k"').replace(b"\r\n", b"\n") + b"--edge--",
        part('name="k"' + "x" * 200) + b"--edge--",
        b"--edge\r\n\r\nx\r\n--edge--",
        part("nome=k") + b"--edge--",
        part('name="k"', b"\xff") + b"--edge--",
    ],
)
def test_a_damaged_form_is_refused(body: bytes) -> None:
    with pytest.raises(UsageError, match="the form can't be read"):
        read(body, end=b"")


def test_parts_and_texts_are_limited() -> None:
    with pytest.raises(LimitError, match="more than 3 parts"):
        read(*[part('name="k"')] * 4)
    with pytest.raises(LimitError, match="k is over 200 bytes"):
        read(part('name="k"', b"x" * 201))
    assert read(part('name="k"; filename=""', b"x" * 201)).files
