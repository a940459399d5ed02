"""A source that lies or breaks: what it lists leads nowhere, costs little, and drops nothing."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_app.config import MiB
from edge_app.errors import LibraryError, UnreadableError
from edge_app.library.remote import listing
from edge_app.library.remote import source as remote
from edge_app.library.remote.source import Remote
from edge_app.library.rules import Rules
from tests.conftest import ROOT
from tests.remote.hostile import NAMES
from tools.testing.rclone import write_config

pytest.importorskip("opendal")
Lie = Callable[..., Remote]


@pytest.fixture
def lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lie]:
    """A source whose server lies in one way."""
    monkeypatch.setattr(remote, "TIMEOUT_S", 5.0)
    started: list[subprocess.Popen[str]] = []

    def start(kind: str, *arguments: str, service: str = "s3", folder: str = "") -> Remote:
        command = [sys.executable, "-m", "tests.remote.hostile", kind, *arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout
        port = int(process.stdout.readline())
        served = write_config(service, port, tmp_path, tmp_path / "log")
        return Remote(served.url + folder, served.config, Rules())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_names_that_are_no_plain_paths_are_skipped_and_counted(lie: Lie) -> None:
    found = lie("names").scan()
    assert all(listing.is_plain(file.path) for file in found.files)
    paths = {file.path for file in found.files}
    assert "good.jpg" in paths
    # A client may take a slash too many away before we see it; that leads nowhere either.
    assert paths <= {"good.jpg", "a/b.jpg", "root.jpg", "c.jpg", NAMES[-1]}
    assert NAMES[-1] in paths  # macOS's narrow blank is one line
    assert found.refused.count >= 4 and found.refused.count + len(paths) == len(NAMES)
    assert found.refused.example and found.refused.example.isascii()


def test_a_listing_without_end_is_refused_in_bounded_memory(
    lie: Lie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "OBJECTS", 20_000)
    source = lie("endless")
    with pytest.raises(LibraryError, match="more than 20,000 objects"):
        source.scan()


def test_an_object_larger_than_any_file_is_skipped_and_counted(lie: Lie) -> None:
    found = lie("sizes").scan()
    assert (found.files, found.refused.count) == ([], 1)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("RequestTimeTooSkewed", "the clock of this device is wrong"),
        ("ExpiredToken", "its keys have expired"),
        ("PermanentRedirect", "another region; set region"),
    ],
)
def test_what_the_service_says_is_said_in_plain_words(lie: Lie, code: str, why: str) -> None:
    with pytest.raises(LibraryError, match=why) as error:
        lie(code).scan()
    assert code not in str(error.value)


@pytest.mark.parametrize("kind", ["page", "nonsense"])
def test_a_page_that_fails_is_a_source_out_of_reach(lie: Lie, kind: str) -> None:
    """Half a listing would be half of the photos deleted."""
    with pytest.raises(LibraryError) as error:
        lie(kind).scan()
    assert "does not answer as it should" in str(error.value)
    assert "secret words" not in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["long", "short", "broken"])
def test_a_body_that_is_not_as_long_as_listed_is_not_taken(lie: Lie, kind: str) -> None:
    source = lie(kind)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnreadableError) as error:
        source.to_decode("good.jpg", 5)
    assert "secret words" not in str(error.value) and "\n" not in str(error.value)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 30 * MiB


def test_a_body_that_comes_drop_by_drop_is_not_waited_for(
    lie: Lie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "SLOW_S", 0.1)
    with pytest.raises(UnreadableError, match="too slowly"):
        lie("slow").to_decode("good.jpg", 5 << 20)


def test_a_folder_of_a_share_that_is_not_handed_out_takes_nothing_from_the_others(lie: Lie) -> None:
    found = lie("refused", service="webdav").scan()
    assert [file.path for file in found.files] == ["a.jpg", "open/b.jpg"]
    assert found.unreadable == {"private", "lost"}  # and nobody asked for @eaDir
    assert found.hides("private/c.jpg") and found.hides("lost/c.jpg")


def test_a_share_without_end_ends_where_no_name_is_as_long(
    lie: Lie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "NAME_BYTES", 30)
    found = lie("circle", service="webdav").scan()
    assert sorted(file.path for file in found.files) == [
        "a.jpg", *("again/" * depth + "a.jpg" for depth in range(1, 5)),
    ]  # fmt: skip


def test_a_share_that_lists_other_paths_than_were_asked_for_is_out_of_reach(lie: Lie) -> None:
    with pytest.raises(LibraryError, match="does not answer as it should"):
        lie("elsewhere", service="webdav", folder="/photos").scan()
