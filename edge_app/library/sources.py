"""The library that settings name: one source, or several under their names as one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edge_app.config import Config
from edge_app.errors import LibraryError, NotFoundError
from edge_app.library import places
from edge_app.library.folder import Folder
from edge_app.library.remote.source import Remote
from edge_app.library.rules import Rules
from edge_app.library.scan import FoundFile, Scan
from edge_app.library.source import InFolder, Original, Source


def library_of(config: Config) -> Source:
    """Where the photos are."""
    rules = rules_of(config)
    sources: dict[str, Source] = {
        name: Remote(root, config.gallery_config, rules)
        if places.is_url(root)
        else Folder(Path(root), rules)
        for name, root in config.places
    }
    return sources[""] if "" in sources else Several(sources)


def rules_of(config: Config) -> Rules:
    """What the settings leave out; UsageError for a glob that can't match anything."""
    return Rules(tuple(config.exclude), config.follow_links)


def folders_of(roots: Mapping[str, str]) -> Source:
    """The folders among the sources that an index says it was made from."""
    folders = {name: Folder(Path(root)) for name, root in roots.items() if not places.is_url(root)}
    return folders[""] if "" in folders else Several(folders)


def parts_of(library: Source) -> Mapping[str, Source]:
    """The sources of a library by name; one without a name is "" ."""
    return library.sources if isinstance(library, Several) else {"": library}


class Several:
    """A `source.Source` of sources: paths begin with the name of theirs.

    One that is out of reach takes nothing from the others: a scan says so, and hides its photos.
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.sources = sources

    @property
    def root(self) -> str:
        return places.text_of_roots((name, source.root) for name, source in self.sources.items())

    @property
    def label(self) -> str:
        return ", ".join(self.sources)

    def check(self) -> None:
        why = {}
        for name, source in self.sources.items():
            try:
                source.check()
            except LibraryError as error:
                why[name] = str(error)
        self._refuse_if_all(why)

    def _refuse_if_all(self, why: dict[str, str]) -> None:
        """LibraryError if there is no source that can be reached."""
        if len(why) == len(self.sources):
            raise LibraryError("; ".join(f"{name}: {text}" for name, text in why.items()), why)

    def online(self) -> bool:
        return all(source.online() for source in self.sources.values())

    def holds(self, folder: Path) -> bool:
        return any(source.holds(folder) for source in self.sources.values())

    def path_of(self, file: Path) -> str | None:
        for name, source in self.sources.items():
            inner = source.path_of(file)
            if inner is not None:
                return f"{name}/{inner}"
        return None

    def scan(self) -> Scan:
        whole = Scan(several=True)
        for name, source in self.sources.items():
            try:
                found = source.scan()
            except LibraryError as error:
                whole.offline[name] = str(error)
                whole.unreadable.add(name)
                continue
            self._leave_to_others(source, found)
            inside = f"{name}/{{}}".format
            whole.rules = found.rules
            whole.mounted |= {name, *map(inside, found.mounted)}
            whole.linked |= set(map(inside, found.linked))
            whole.marked |= set(map(inside, found.marked))
            whole.excluded.count += found.excluded.count
            whole.refused.count += found.refused.count
            whole.refused.example = whole.refused.example or found.refused.example
            if found.excluded.example and not whole.excluded.example:
                whole.excluded.example = inside(found.excluded.example)
            whole.files += [_under(name, file) for file in found.files]
            whole.unreadable |= set(map(inside, found.unreadable))
        self._refuse_if_all(whole.offline)
        return whole

    def _leave_to_others(self, source: Source, found: Scan) -> None:
        """Take out what is behind links into another source, which has these photos too."""
        others = [other for other in self.sources.values() if other is not source]
        for path in sorted(found.mounted - found.unreadable):
            real = Path(os.path.realpath(os.path.join(source.root, path)))
            if any(other.holds(real) for other in others):
                found.mounted.remove(path)
                found.files = [f for f in found.files if not f.path.startswith(f"{path}/")]

    def open(self, path: str) -> Original:
        source, inner = self._find(path)
        return source.open(inner)

    def is_here(self, path: str) -> bool:
        source, inner = self._find(path)
        return source.is_here(inner)

    def to_decode(self, path: str, size_bytes: int) -> InFolder | bytes:
        source, inner = self._find(path)
        return source.to_decode(inner, size_bytes)

    def unchanged(self, file: FoundFile) -> bool:
        source, inner = self._find(file.path)
        return source.unchanged(replace(file, path=inner))

    def _find(self, path: str) -> tuple[Source, str]:
        name, _, inner = path.partition("/")
        if name not in self.sources:
            raise NotFoundError(f"{path!r} is in a source that is no longer part of the library")
        return self.sources[name], inner


def _under(name: str, file: FoundFile) -> FoundFile:
    mount = f"{name}/{file.mount}" if file.mount else name
    return replace(file, path=f"{name}/{file.path}", mount=mount)
