"""Several sources are one library; what `--gallery` may say, and what is said about the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_app.config import Config, Place
from edge_app.errors import LibraryError, NotFoundError, UsageError
from edge_app.library import places
from edge_app.library.source import Source
from edge_app.library.sources import library_of, parts_of
from tools.testing.pictures import save


def settings(*texts: str) -> Config:
    return Config(**places.settings([places.parse(text) for text in texts]))


@pytest.fixture
def library(tmp_path: Path) -> Source:
    save(tmp_path / "phone/2019/a.png", 1)
    save(tmp_path / "archive/a.png", 2)
    return library_of(settings(f"phone={tmp_path}/phone", f"archive={tmp_path}/archive"))


def test_one_folder_without_a_name_stays_as_it_was(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 1)
    config = settings(str(tmp_path))
    assert config == Config(gallery=tmp_path)
    assert [file.path for file in library_of(config).scan().files] == ["a.png"]


def test_paths_begin_with_the_name_of_their_source(library: Source, tmp_path: Path) -> None:
    found = {file.path: file for file in library.scan().files}
    assert found.keys() == {"phone/2019/a.png", "archive/a.png"}
    with library.open("archive/a.png") as original:
        assert original.file.read() == (tmp_path / "archive/a.png").read_bytes()
    assert library.path_of(tmp_path / "phone/2019/a.png") == "phone/2019/a.png"
    assert all(map(library.unchanged, found.values()))
    with pytest.raises(NotFoundError, match="no longer"):
        library.open("2019/a.png")


def test_a_link_into_another_source_is_left_to_that_one(library: Source, tmp_path: Path) -> None:
    save(tmp_path / "elsewhere/b.png", 3)
    (tmp_path / "phone/other").symlink_to(tmp_path / "archive")
    (tmp_path / "archive/back").symlink_to(tmp_path / "phone/2019")
    (tmp_path / "phone/more").symlink_to(tmp_path / "elsewhere")
    places = f"phone={tmp_path}/phone", f"archive={tmp_path}/archive"
    following = library_of(replace(settings(*places), follow_links=True))
    paths = sorted(file.path for file in following.scan().files)
    assert paths == ["archive/a.png", "phone/2019/a.png", "phone/more/b.png"]


def test_one_that_is_away_takes_nothing_from_the_other(library: Source, tmp_path: Path) -> None:
    (tmp_path / "phone").rename(tmp_path / "away")
    found = library.scan()
    assert [file.path for file in found.files] == ["archive/a.png"]
    assert found.hides("phone/2019/a.png") and not found.hides("archive/b.png")
    assert found.offline.keys() == {"phone"} and "phone does not exist" in found.offline["phone"]
    assert {name: part.online() for name, part in parts_of(library).items()} == {
        "phone": False,
        "archive": True,
    }
    (tmp_path / "archive").rename(tmp_path / "away too")
    with pytest.raises(LibraryError, match=r"phone: .*; archive: "):
        library.scan()


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["a=x", "a=y"], "two sources have the name a"),
        (["a=x", "y"], "need names, such as --gallery photos=y"),
        (["a=x", "b=x/below"], "overlap"),
        (["a=s3://bucket/x", "b=s3://bucket/x/y"], "overlap"),
        (["a=webdavs://h/my photos", "b=webdavs://h/my%20photos/x"], "overlap"),
        (["webdavs://h/%2e%2E/x"], "not a plain path"),
        (["a/b=x"], "a name can't have a slash"),
        (["..=x"], "can't be the name"),
        (["=x"], "NAME=FOLDER"),
        (["a="], "name a folder or a URL"),
        (["ftp://host/x"], r"ftp:// is not known; use a folder, or one of s3://, .*docs/remote.md"),
        (["s3:///x"], "its bucket or host is missing"),
        (["s3://bucket/../x"], "not a plain path"),
        (["webdavs://[host/x"], "not a URL"),
    ],
)
def test_what_can_not_be_a_library_is_a_usage_error(texts: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        settings(*texts)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "webdavs://user:hunter2@host/photos",
        "s3://key:hunter2@bucket",
        "s3://bucket/photos?secret_access_key=hunter2",
        "az://container#hunter2",
    ],
)
def test_a_url_with_a_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError, match="--gallery-config") as error:
        settings(text)
    assert "hunter2" not in str(error.value)


def test_an_equals_sign_in_a_folder_is_no_name(tmp_path: Path) -> None:
    assert settings(f"{tmp_path}/a=b").gallery == tmp_path / "a=b"
    assert settings("./a=b").gallery == Path("a=b")
    assert settings("s3://bucket/a=b").sources == (Place("", "s3://bucket/a=b"),)
    assert settings("a=b=c").sources == (Place("a", "b=c"),)


@pytest.mark.parametrize(
    "texts", [["/photos"], ["s3://b/x"], ["a=/x", "b=s3://b/y"], ["./a=b"], ["a=~/x"]]
)
def test_an_index_run_is_given_the_same_library(texts: list[str]) -> None:
    config = settings(*texts)
    again = settings(*places.arguments(config)[1::2])
    assert library_of_roots(again) == library_of_roots(config)


def library_of_roots(config: Config) -> list[tuple[str, str]]:
    return [
        (name, root if places.is_url(root) else str(Path(root).absolute()))
        for name, root in config.places
    ]


def test_roots_are_kept_as_one_text() -> None:
    for roots in ({"": "/a=b"}, {"": "s3://b/x=y"}, {"a": "/x=y", "b": "s3://b/y"}):
        assert places.roots_in(places.text_of_roots(roots.items())) == roots


def test_a_source_is_known_by_its_root_and_its_photos_follow_its_name() -> None:
    alone, named = "/photos", places.text_of_roots([("archive", "/photos"), ("phone", "/phone")])
    given = places.renames(alone, named)
    assert places.renamed("2019/a.jpg", given) == "archive/2019/a.jpg"
    assert places.renamed("a.jpg", given) == "archive/a.jpg"
    taken = places.renames(named, alone)
    assert places.renamed("archive/2019/a.jpg", taken) == "2019/a.jpg"
    assert places.renamed("phone/a.jpg", taken) == "phone/a.jpg"
    swapped = places.renames(
        named, places.text_of_roots([("phone", "/photos"), ("archive", "/phone")])
    )
    assert places.renamed("archive/a.jpg", swapped) == "phone/a.jpg"
    assert places.renamed("phone/a.jpg", swapped) == "archive/a.jpg"
    assert places.renames(named, named) == {}


def test_what_is_passed_over_is_passed_over_in_each(tmp_path: Path) -> None:
    for name in ("phone", ".hidden"):
        save(tmp_path / name / "a.png", 1)
        save(tmp_path / name / "scans/b.png", 2)
    config = settings(f"phone={tmp_path}/phone", f".hidden={tmp_path}/.hidden")
    found = library_of(replace(config, exclude=("scans/b.png",))).scan()
    assert [file.path for file in found.files] == ["phone/a.png", ".hidden/a.png"]
    assert found.excluded.count == 2 and found.excluded.example == "phone/scans/b.png"
    assert found.leaves_out(".hidden/scans/b.png") and not found.leaves_out(".hidden/c.png")
