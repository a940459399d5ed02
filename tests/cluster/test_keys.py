"""keys: the certificates of a cluster, and what an address needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_app.cli.arguments import main
from edge_app.cli.commands import machines
from edge_app.cluster.address import Address
from edge_app.cluster.keys import CA, CERTIFICATE, KEY, make_keys, security_of
from edge_app.errors import UsageError
from edge_app.host import install_with

pytest.importorskip("distributed")


def secured(address: str, folder: Path | None) -> object:
    return security_of(Address.of(address), folder)


def test_keys_are_for_their_owner_alone_and_are_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    make_keys(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted((CA, CERTIFICATE, KEY))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    content = (folder / KEY).read_bytes()
    with pytest.raises(UsageError, match="is there already"):
        make_keys(folder)
    assert (folder / KEY).read_bytes() == content
    assert secured("tls://photos.local:8786", folder) is not None


def test_a_machine_whose_clock_is_years_behind_may_take_part(tmp_path: Path) -> None:
    from cryptography.x509 import load_pem_x509_certificate

    make_keys(tmp_path / "keys")
    for name in (CA, CERTIFICATE):
        found = load_pem_x509_certificate((tmp_path / "keys" / name).read_bytes())
        assert found.not_valid_before_utc == datetime(1970, 1, 1, tzinfo=UTC)
        assert found.not_valid_after_utc > datetime.now(UTC) + timedelta(days=9 * 365)


def test_an_address_of_another_machine_is_encrypted(tmp_path: Path) -> None:
    assert secured("tcp://127.0.0.1:8786", None) is None
    assert secured("tcp://localhost:8786", None) is None
    assert secured("tcp://[::1]:8786", None) is None
    with pytest.raises(UsageError, match="is not encrypted"):
        secured("tcp://192.0.2.1:8786", tmp_path)
    with pytest.raises(UsageError, match="needs certificates: --cluster-tls DIR"):
        secured("tls://192.0.2.1:8786", None)


@pytest.mark.parametrize(
    "address",
    [
        "", "photos.local", "http://a:1", "tls://", "ucx://a:1", "tls://a:99999", "tls://a:-1",
        "tls://a:port", "tls://[::1", "tls://a:1/page", "tls://me@a:1", "tls://a:1?b", "tls://:1",
    ],
)  # fmt: skip
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(UsageError, match="is no address of a cluster"):
        Address.of(address)


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("tls://Photos.local", "tls://photos.local:8786"),
        ("tcp://127.0.0.1:0/", "tcp://127.0.0.1:0"),
        ("TLS://[FD00::1]:1", "tls://[fd00::1]:1"),
    ],
)
def test_an_address_may_be_short_and_of_either_kind(address: str, meant: str) -> None:
    assert str(Address.of(address)) == meant


def test_a_key_that_others_can_read_and_a_folder_without_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ca\.pem is not there"):
        secured("tls://a:8786", tmp_path)
    make_keys(tmp_path / "keys")
    (tmp_path / "keys" / KEY).chmod(0o640)
    with pytest.raises(UsageError, match="can be read by others; run: chmod 600"):
        secured("tls://a:8786", tmp_path / "keys")


@pytest.mark.parametrize("name", [CA, CERTIFICATE, KEY])
def test_what_is_no_certificate_and_a_key_of_another_are_said_at_once(
    tmp_path: Path, name: str
) -> None:
    for folder in ("keys", "others"):
        make_keys(tmp_path / folder)
    file = tmp_path / "keys" / name
    for content in (b"", b"garbage", (tmp_path / "others" / KEY).read_bytes()):
        file.write_bytes(content)
        with pytest.raises(UsageError, match=f"^the certificates in {tmp_path}/keys can't be used"):
            secured("tls://a:8786", tmp_path / "keys")


def test_without_the_extra_it_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed.security", None)
    save = ["index", "--gallery", str(tmp_path), "--index", str(tmp_path / "index")]
    assert main([*save, "--cluster", "tcp://127.0.0.1:1"]) != 0
    assert main(["scheduler", "tcp://127.0.0.1:0"]) == 2
    assert install_with("lookalike[cluster]") in capsys.readouterr().err


@pytest.mark.parametrize(("asked", "noted"), [("tls://photos", True), ("tls://localhost", False)])
def test_a_name_that_leads_to_this_machine_alone_is_noted(
    asked: str, noted: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        machines, "schedule", lambda address, tls, on_ready: on_ready("tls://127.0.1.1:8786")
    )
    assert main(["scheduler", asked]) == 0
    assert ("note: here photos is this machine alone" in capsys.readouterr().err) == noted
