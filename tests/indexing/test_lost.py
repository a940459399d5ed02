"""lost: a missing photo is dropped only where its drive is there."""

from __future__ import annotations

from edge_app.index.format.records import Known
from edge_app.indexing.lost import Away, Lost
from edge_app.library.originals import UNTOLD
from edge_app.library.rules import Rules
from edge_app.library.scan import Scan


def known(**mounts: str) -> dict[str, Known]:
    """Images by path, with "__" for a slash, and the drives they were on."""
    images = {}
    for number, (name, mount) in enumerate(mounts.items()):
        path = name.replace("__", "/") + ".jpg"
        images[path] = Known(number, 1, 1, b"", False, True, "1-1", mount)
    return images


def gone(found: Scan, images: dict[str, Known], missing: str, *, prune: bool = False) -> set[str]:
    lost_paths = {path: images[path] for path in missing.split()}
    lost = Lost(found, images, lost_paths)
    lost.judge_drives()
    return {path for path, old in lost_paths.items() if lost.is_gone(path, old, prune)}


LIBRARY = known(a="", b="", c="", d="", usb__e="usb", usb__f="usb", usb__g="usb")


def test_a_deleted_photo_is_gone() -> None:
    assert gone(Scan(mounted={"usb"}), LIBRARY, "a.jpg usb/e.jpg") == {"a.jpg", "usb/e.jpg"}


def test_what_is_on_a_drive_that_is_not_there_is_not_gone() -> None:
    found = Scan()
    missing = "a.jpg usb/e.jpg usb/f.jpg usb/g.jpg"
    assert gone(found, LIBRARY, missing) == {"a.jpg"}
    assert gone(found, LIBRARY, missing, prune=True) == set(missing.split())
    lost = Lost(found, LIBRARY, {path: LIBRARY[path] for path in missing.split()})
    lost.judge_drives()
    assert lost.away() == [Away("usb", 3)]
    assert lost.doubtful


def test_a_drive_that_is_somewhere_else_now_is_known_by_its_files_and_a_copy_is_no_drive() -> None:
    missing = {"usb/e.jpg": LIBRARY["usb/e.jpg"]._replace(content=b"e", version="c-1")}
    lost = Lost(Scan(mounted={"usb2"}), missing, missing)
    assert lost.twin(b"e", "d-2") is None and lost.twin(b"f", "c-1") is None
    assert lost.twin(b"e", "c-1") and missing == {}
    untold = {"usb/e.jpg": LIBRARY["usb/e.jpg"]._replace(content=b"e", version=UNTOLD)}
    assert Lost(Scan(), untold, untold).twin(b"e", UNTOLD) is None


def test_what_a_drive_was_mounted_over_is_not_gone() -> None:
    assert gone(Scan(mounted={"x"}), known(x__a="", b="", c="", d=""), "x/a.jpg") == set()


def test_more_than_half_of_one_drive_is_doubted_even_if_it_is_little_of_the_whole() -> None:
    found = Scan(mounted={"usb"})
    assert gone(found, LIBRARY, "a.jpg usb/e.jpg usb/f.jpg") == {"a.jpg"}


def test_another_drive_in_its_place_takes_nothing_away_though_some_names_are_the_same() -> None:
    lost = Lost(Scan(mounted={"usb"}), LIBRARY, {"usb/e.jpg": LIBRARY["usb/e.jpg"]})
    for content, is_gone in ((LIBRARY["usb/f.jpg"].content, True), (b"another", False)):
        lost.compare(LIBRARY["usb/f.jpg"], content)
        lost.judge_drives()
        assert lost.is_gone("usb/e.jpg", LIBRARY["usb/e.jpg"], False) == is_gone


def test_what_the_rules_leave_out_is_gone_however_much_it_is() -> None:
    found = Scan(mounted={"usb"}, rules=Rules(("usb", "[a-c].jpg")))
    missing = "a.jpg b.jpg c.jpg usb/e.jpg usb/f.jpg usb/g.jpg"
    assert gone(found, LIBRARY, missing) == set(missing.split())
    marked = Scan(mounted={"usb"}, marked={"usb"})
    assert gone(marked, LIBRARY, "usb/e.jpg usb/f.jpg usb/g.jpg") != set()


def test_what_can_not_be_read_is_not_gone_even_when_pruning() -> None:
    found = Scan(mounted={"usb"}, unreadable={"usb", "a.jpg"})
    assert gone(found, LIBRARY, "a.jpg usb/e.jpg", prune=True) == set()


def test_what_is_offline_already_stays_until_it_is_pruned() -> None:
    images = LIBRARY | {"a.jpg": LIBRARY["a.jpg"]._replace(offline=True)}
    found = Scan(mounted={"usb"})
    assert gone(found, images, "a.jpg b.jpg") == {"b.jpg"}
    assert gone(found, images, "a.jpg b.jpg", prune=True) == {"a.jpg", "b.jpg"}


def test_an_index_of_an_earlier_program_goes_by_half_alone() -> None:
    images = {path: old._replace(version="", mount="") for path, old in LIBRARY.items()}
    assert gone(Scan(), images, "usb/e.jpg usb/f.jpg") == {"usb/e.jpg", "usb/f.jpg"}
    assert gone(Scan(), images, "a.jpg b.jpg c.jpg d.jpg") == set()
