"""The documents: what they say of options, commands and files is so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_app.cli.arguments import make_parser
from edge_app.cli.parser import arguments_of, commands_of
from tests.conftest import ROOT
from tools import options

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")])
LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]*))?\)")
HEADING = re.compile(r"^#+ (.*)", re.MULTILINE)
CODE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def command_lines(document: Path) -> Iterator[list[str]]:
    for block in CODE.findall(document.read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield words


def places_in(document: Path) -> set[str]:
    """What a link can name after #: its headings, as GitHub writes them there."""
    headings = HEADING.findall(document.read_text())
    return {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}


def test_the_list_of_commands_is_of_today() -> None:
    assert (ROOT / "docs/cli.md").read_text() == options.cli(), "run `python -m tools.options`"


def test_every_option_of_every_command_is_listed() -> None:
    text = (ROOT / "docs/cli.md").read_text()
    for name, command in commands_of(make_parser()).items():
        shared, own = text.partition("## Shared options")[2].split("\n## ", 1)
        section = own.partition(f"{name}\n")[2].partition("\n## ")[0]
        for action in arguments_of(command):
            if action.dest != "help":
                written = "/".join(action.option_strings) or f"{action.metavar}"
                rows = [row for row in shared.splitlines() if row.startswith(f"| `{written}")]
                shared_by = [row.rsplit("|", 2)[1] for row in rows]
                assert f"| `{written}" in section or any(
                    name in names or "all" in names for names in shared_by
                ), (name, written)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 120


def test_the_list_of_limits_is_of_today() -> None:
    assert (ROOT / "docs/limits.md").read_text() == options.limits(), (
        "run `python -m tools.options`"
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for name, part in LINK.findall(document.read_text()):
        if "://" in name:
            continue
        target = document.parent / name if name else document
        assert target.exists(), name
        assert not part or part in places_in(target), f"{name}#{part}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_shown_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in command_lines(document):
        if words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets, words
        if words[1:3] == ["-m", "edge_app"]:
            words = ["lookalike", *words[3:]]
        if words[0] == "lookalike":
            parser = make_parser()
            if words[1] not in commands_of(parser):  # a folder
                words.insert(1, "serve")
                words[2:3] = ["--gallery", words[2]]
            parser.parse_args(words[1:])  # exits with 2 where it can't


def test_every_package_is_in_the_architecture() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    packages = {path.parent.name for path in (ROOT / "edge_app").glob("*/__init__.py")}
    modules = {path.name for path in (ROOT / "edge_app").glob("*.py") if path.stem[0] != "_"}
    assert not [name for name in packages if f"| `{name}/` |" not in text]
    assert not [name for name in modules if f"`{name}`" not in text]


def test_files_of_the_project_that_are_named_exist() -> None:
    """In documents, docstrings and comments: nobody finds a file that has moved."""
    folders = ("edge_app", "conversion", "benchmarks", "tools", "tests", "static")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.*")]
    sources = [path for path in files if path.suffix in (".py", ".js", ".css")]
    named = re.compile(
        r"\b((?:edge_app|conversion|benchmarks|tools|tests|docs|static)/[\w/-]+\.(?:py|md|js|css))\b"
    )
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in [*DOCUMENTS, *sources]
        for name in named.findall(path.read_text())
        if not (ROOT / name).exists()
    }
    assert not missing


def test_names_in_the_code_that_comments_point_to_exist() -> None:
    """A `module.name` in backticks is a name in a module of that name, or a module in a package."""
    modules: dict[str, str] = {}
    for path in (ROOT / "edge_app").rglob("*.py"):
        modules[path.stem] = modules.get(path.stem, "") + path.read_text()
        modules[path.parent.name] = modules.get(path.parent.name, "") + f" {path.stem} "
    for variable in ("limits", "edge_app"):
        modules.pop(variable, None)  # variables and the package itself have these names
    missing = {
        f"{path.relative_to(ROOT)}: {module}.{name}"
        for path in (ROOT / "edge_app").rglob("*.py")
        for module, name in re.findall(r"`(\w+)\.(\w+)`", path.read_text())
        if module in modules and not re.search(rf"\b{name}\b", modules[module])
    }
    assert not missing
