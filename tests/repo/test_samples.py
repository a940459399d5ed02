"""The first `make run`: photos in kinds with clear licences, tips, and the model's Python."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import subprocess
import sys
import tarfile
import zlib
from collections import Counter
from pathlib import Path

import pytest

from edge_app.errors import EdgeAppError
from tests.conftest import ROOT
from tools import samples, scikit
from tools.qtresources import files_of

FREE = {"public domain", "CC0-1.0", "CC-BY-3.0", "CC-BY-SA-4.0"}


def resource(files: dict[str, bytes], compressed: bool = False) -> bytes:
    """A Qt resource file of format 2, with one folder for each part of a path."""
    tree: dict[str, object] = {}
    for path, content in files.items():
        *folders, name = path.strip("/").split("/")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})  # type: ignore[assignment]
        place[name] = content
    nodes, names, contents = [b""], b"", b""
    waiting: list[tuple[int, str, object]] = [(0, "", tree)]
    while waiting:
        index, name, value = waiting.pop(0)
        at = len(names)
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
        if isinstance(value, dict):
            first = len(nodes)
            nodes += [b""] * len(value)
            waiting += [(first + n, *item) for n, item in enumerate(value.items())]
            nodes[index] = struct.pack(">IHIIQ", at, 2, len(value), first, 0)
            continue
        assert isinstance(value, bytes)
        body = struct.pack(">I", len(value)) + zlib.compress(value) if compressed else value
        nodes[index] = struct.pack(">IHIIQ", at, int(compressed), 0, len(contents), 0)
        contents += struct.pack(">I", len(body)) + body
    parts = [b"".join(nodes), contents, names]
    places = [20, 20 + len(parts[0]), 20 + len(parts[0]) + len(contents)]
    return b"qres" + struct.pack(">4I", 2, *places) + b"".join(parts)


def package(files: dict[str, bytes]) -> bytes:
    """A Debian package with these files."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:xz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./usr/share/gcompris-qt/rcc/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    built = b"!<arch>\n"
    for name, content in {"debian-binary": b"2.0\n!", "data.tar.xz": archive.getvalue()}.items():
        built += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        built += content + b"\n" * (len(content) % 2)
    return built


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror whose package holds a stand-in for every photo."""
    by_resource: dict[str, dict[str, bytes]] = {}
    for one in samples.photos():
        files = by_resource.setdefault(one.inside.split("/")[0] + ".rcc", {})
        files[samples.INSIDE + one.inside] = one.path.encode()
    built = package({name: resource(files) for name, files in by_resource.items()})
    place = tmp_path / "mirror" / samples.PLACE
    place.parent.mkdir(parents=True)
    place.write_bytes(built)
    monkeypatch.setattr(samples, "SHA256", hashlib.sha256(built).hexdigest())
    return tmp_path / "mirror"


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default gallery of a new checkout."""
    (tmp_path / "static/images").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return Path("static/images")


def test_there_are_60_to_100_photos_and_at_least_three_of_a_kind() -> None:
    paths = [one.path for one in samples.photos()]
    assert 60 <= len(set(paths)) == len(paths) <= 100
    assert min(Counter(path.split("/")[0] for path in paths).values()) >= 3


def test_each_photo_has_an_author_a_free_licence_and_a_source_in_the_folders_readme() -> None:
    for one in samples.photos():
        assert one.author
        assert one.licence in FREE
        assert one.source.startswith("https://")
        assert one.path in samples.readme()
    assert (ROOT / "static/images/README.md").read_text() == samples.readme()


def test_an_empty_gallery_is_filled_from_the_first_mirror_that_has_the_package(
    mirror: Path, gallery: Path, tmp_path: Path
) -> None:
    told = samples.fill(gallery, ((tmp_path / "away").as_uri(), mirror.as_uri()))
    assert told
    assert f"{len(samples.photos())} sample photos from gcompris-qt-data" in told
    for one in samples.photos():
        assert (gallery / one.path).read_bytes() == one.path.encode()
    assert samples.fill(gallery, (mirror.as_uri(),)) is None, "it is not empty"
    assert samples.fill(tmp_path, (mirror.as_uri(),)) is None, "it is not the default gallery"


def test_another_file_under_its_name_is_not_unpacked(mirror: Path, gallery: Path) -> None:
    (mirror / samples.PLACE).write_bytes(package({}))
    with pytest.raises(EdgeAppError, match="another file, by its SHA-256"):
        samples.unpack(gallery, (mirror.as_uri(),))
    assert list(gallery.iterdir()) == []


def test_where_no_mirror_answers_the_gallery_gets_others_and_says_so(
    gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scikit, "unpack", lambda folder: (folder / "coffee.png").touch())
    told = samples.fill(gallery, (gallery.absolute().as_uri(),))
    assert told
    assert "can't be fetched" in told
    assert "17 photos of scikit-image" in told

    def refuse(_: Path) -> None:
        raise EdgeAppError("no network")

    (gallery / "coffee.png").unlink()
    monkeypatch.setattr(scikit, "unpack", refuse)
    with pytest.raises(EdgeAppError, match="put photos of your own into static/images/"):
        samples.fill(gallery, (gallery.absolute().as_uri(),))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_resource_file_gives_its_files(compressed: bool) -> None:
    files = {"/a/b.webp": b"photo" * 9, "/a/c/d": b"", "/e": b"x"}
    assert dict(files_of(resource(files, compressed))) == files


def test_what_is_no_resource_file_is_refused() -> None:
    for other in (b"", b"qres" + bytes(16)):
        with pytest.raises(ValueError, match="no Qt resource file"):
            list(files_of(other))


def test_make_run_ends_with_what_to_try() -> None:
    tips = subprocess.run(
        [sys.executable, "-m", "tools.samples", "--tips"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for word in ("open a photo", "drag", "drop", "GALLERY=", "LAN=1"):
        assert word in tips
    recipe = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "run", "LAN=1"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "--lan" in recipe
    assert re.search(r'--then-say "\$\(\S+ -m tools.samples --tips\)"$', recipe.rstrip())


def test_a_python_that_tensorflow_has_no_packages_for_is_refused_before_anything_is_downloaded(
    tmp_path: Path,
) -> None:
    build = tmp_path / "build"
    done = subprocess.run(
        ["make", f"BUILD={build}", "BUILD_PYTHON=false", str(build / "ready")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert "make BUILD_PYTHON=python3.13" in done.stderr
    assert not build.exists()
