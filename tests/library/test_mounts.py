"""mounts: what is mounted where, read from mountinfo whatever the names are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_app.config import Place
from edge_app.errors import UsageError
from edge_app.library import mounts as mounted
from edge_app.library.mounts import Mount, mount_of, mounts, parse, place_on_disk
from edge_app.library.places import settings


def test_lines_of_mountinfo_are_read_with_and_without_optional_fields() -> None:
    text = (
        b"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
        b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - nfs4 server:/x rw,errors=continue\n"
        b"nonsense\n"
    )
    assert parse(text) == [
        Mount(27, "254:0", "/", "ext4"),
        Mount(36, "98:0", "/mnt2", "nfs4", "/mnt1"),
    ]


@pytest.mark.parametrize(
    ("escaped", "name"),
    [
        (rb"my\040photos", b"my photos"),
        (rb"a\011b", b"a\tb"),
        (rb"a\012b", b"a\nb"),
        (rb"back\134slash", b"back\\slash"),
        (rb"back\134040", b"back\\040"),
        (rb"\043hash", b"#hash"),
        (b"caf\xe9", b"caf\xe9"),
    ],
)
def test_escaped_characters_of_a_name_are_read_right(escaped: bytes, name: bytes) -> None:
    [mount] = parse(rb"1 1 0:5 / /mnt/" + escaped + rb" rw - tmpfs t rw")
    assert mount.point == os.fsdecode(b"/mnt/" + name)


def test_on_which_mount_a_path_is_asks_its_file_system_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose server is gone would never answer."""
    known, asked = mounts(), []
    with monkeypatch.context() as watched:
        for name in ("stat", "lstat", "fstat", "listdir", "scandir"):
            watched.setattr(os, name, lambda *_, name=name, **__: asked.append(name))
        found = mount_of(str(tmp_path), known)
    assert found is not None and asked == []


@pytest.mark.parametrize(
    "kind",
    [
        "nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "vboxsf", "autofs", "ceph", "fuse",
        "fuse.rclone", "fuse.sshfs", "fuse.mergerfs", "fuse.whatever",
    ],
)  # fmt: skip
def test_shares_and_fuse_have_no_events_from_their_far_side(kind: str) -> None:
    assert not Mount(1, "0:9", "/x", kind).has_events


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "xfs", "vfat", "exfat", "fuseblk", "tmpfs"])
def test_local_disks_have_events(kind: str) -> None:
    assert Mount(1, "8:1", "/x", kind).has_events


def test_inode_numbers_that_are_made_up_are_not_compared() -> None:
    assert Mount(1, "8:1", "/x", "ext4").keeps_inodes
    for kind in ("vfat", "exfat", "fuse.sshfs", "cifs"):
        assert not Mount(1, "8:1", "/x", kind).keeps_inodes


def test_change_times_are_compared_where_they_last() -> None:
    for kind in ("ext4", "vfat", "nfs4", "fuseblk", "fuse.sshfs", "fuse.mergerfs"):
        assert Mount(1, "8:1", "/x", kind).keeps_change_times, kind
    for kind in ("fuse", "fuse.gvfsd-fuse", "fuse.jmtpfs"):
        assert not Mount(1, "0:9", "/x", kind).keeps_change_times, kind


def test_a_disk_that_was_pulled_out_while_mounted_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "8:1").mkdir()
    monkeypatch.setattr(mounted, "_DEVICES", tmp_path)
    assert not Mount(1, "8:1", "/x", "ext4").device_is_gone
    assert Mount(1, "8:17", "/x", "ext4").device_is_gone
    assert not Mount(1, "0:44", "/x", "nfs").device_is_gone  # has none
    monkeypatch.setattr(mounted, "_DEVICES", tmp_path / "none")  # where it can't be told
    assert not Mount(1, "8:17", "/x", "ext4").device_is_gone


def test_the_mount_of_a_path_is_found(tmp_path: Path) -> None:
    mount = mount_of(str(tmp_path), mounts())
    assert mount is not None
    assert str(tmp_path).startswith(mount.point)
    assert mount_of(str(tmp_path / "missing"), mounts()) is None


def test_two_paths_of_one_folder_are_one_place_on_its_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [
        Mount(0, "8:1", "/", "ext4"),
        Mount(1, "8:1", "/bound", "ext4", "/photos/2019"),
        Mount(2, "0:9", "/nas", "nfs4", "/"),
        Mount(3, "0:9", "/other nas", "nfs4", "/"),
    ]
    ids = {f"/{mount.point.split('/')[1]}": mount.id for mount in known}
    monkeypatch.setattr(mounted, "mounts", lambda: known)
    monkeypatch.setattr(mounted, "mount_id", lambda path: ids.get("/" + path.split("/")[1], 0))
    assert place_on_disk("/bound/may") == place_on_disk("/photos/2019/may")
    assert place_on_disk("/bound") == place_on_disk("/photos/2019") != place_on_disk("/photos")
    assert place_on_disk("/nas") != place_on_disk("/other nas")  # which only looks the same
    for root in ("/photos", "/photos/2019", "/bound/may"):
        with pytest.raises(UsageError, match="overlap"):
            settings([Place("a", "/bound"), Place("b", root)])
    settings([Place("a", "/bound"), Place("b", "/photos/2020"), Place("c", "/nas")])
