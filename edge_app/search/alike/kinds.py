"""All groups of an index, of three kinds: identical files, one picture, and what is only alike."""

from __future__ import annotations

from typing import NamedTuple

from edge_app.index.read.reader import Reader
from edge_app.index.read.snapshot import Snapshot
from edge_app.photos.pattern import FLAT
from edge_app.search.alike.copies import CLOSE_SCORE, identical_files, same_pictures
from edge_app.search.alike.duplicates import (
    KINDS,
    Group,
    Kind,
    Links,
    components,
    copies_kind,
    group_all,
    groups,
)
from edge_app.search.alike.forest import Dismissed
from edge_app.search.vectors.ranking import refuse_longer


class Found(NamedTuple):
    """Groups of all kinds: no image is in two of `groups`."""

    groups: list[Group]  # of copies, then of what is alike
    identical: list[Group]  # those within groups of the same picture, too
    unpatterned: int  # images whose copies can't be found yet

    def of_kind(self, kind: Kind | None) -> list[Group]:
        """Those of one kind, or `groups`."""
        if kind is None:
            return self.groups
        if kind == "identical":
            return self.identical
        return [group for group in self.groups if group.kind == kind]


NOTHING = Found([], [], 0)


def find_all(
    reader: Reader, snapshot: Snapshot, links: Links, min_score: float, dismissed: Dismissed
) -> Found:
    """The groups of live images; `links` and `min_score` are of those that are alike."""
    pictures = reader.pictures(snapshot)
    close = components(snapshot, links, CLOSE_SCORE, dismissed)
    copies = same_pictures(snapshot, pictures, close, dismissed)
    # Of copies only the first is compared: what is like one is like all. Black frames are hidden:
    # they are like each other, and like every photo taken in the dark.
    hidden = pictures.known & (pictures.pattern == FLAT)
    for rows in copies:
        hidden[rows[1:]] = True
    alike = groups(snapshot, links, min_score, dismissed, hidden)
    copied = group_all(snapshot, copies, copies_kind)
    copied.sort(key=lambda group: KINDS.index(group.kind))
    identical = group_all(snapshot, identical_files(snapshot, dismissed), copies_kind)
    for group in (*copied, *alike):
        members = group.members
        refuse_longer([member.score for member in members], [member.id for member in members])
    return Found(copied + alike, identical, int((snapshot.live & ~pictures.known).sum()))
