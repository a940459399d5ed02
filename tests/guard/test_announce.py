"""announce: the addresses, the QR code and the `.local` name by which the server is found."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from edge_app.guard import addresses, announce
from tools.testing.waiting import PATIENCE_S


def test_addresses_are_this_device_s_and_reach_neighbours() -> None:
    for address in addresses.reachable():
        parsed = ip_address(address)
        assert not parsed.is_loopback
        assert not parsed.is_link_local
        family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
        with socket.create_server((address, 0), family=family):
            pass  # only an own address can be bound


def test_own_names_are_known_without_asking_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("looked up a name")

    for lookup in ("getaddrinfo", "gethostbyname", "getfqdn", "gethostbyaddr"):
        monkeypatch.setattr(socket, lookup, forbidden)
    monkeypatch.setattr(socket, "gethostname", lambda: "Pi.home.arpa")
    assert addresses.own_names() == ["localhost", "pi.home.arpa", "pi", "pi.local"]


def test_urls_are_what_people_type() -> None:
    assert addresses.url("192.0.2.1", 80) == "http://192.0.2.1/"
    assert addresses.url("fd00::2", 5000, "/photos") == "http://[fd00::2]:5000/photos/"


def test_the_qr_code_is_drawn_for_the_terminal() -> None:
    pytest.importorskip("segno", reason="the QR code is an extra")
    code = announce.qr_code("http://192.0.2.1:5000/")
    assert code
    lines = code.splitlines()
    assert len({len(line) for line in lines if line}) == 1
    assert set(code) <= set(" \n█▀▄")


def test_the_local_name_is_answered_for_while_serving() -> None:
    zeroconf = pytest.importorskip("zeroconf", reason="the .local name is an extra")
    at = addresses.reachable()
    if not at:
        pytest.skip("this machine has no network address")
    with announce.local_name(5000, at) as name:
        assert name == f"{addresses.host_name()}.local"
        asker = zeroconf.Zeroconf(interfaces=[one for one in at if ":" not in one])
        try:
            info = asker.get_service_info(
                "_http._tcp.local.",
                f"Lookalike on {addresses.host_name()}._http._tcp.local.",
                timeout=1000 * PATIENCE_S,
            )
        finally:
            asker.close()
        assert info is not None
        assert info.server == f"{name}."
        assert info.port == 5000
        assert set(info.parsed_addresses()) == set(at)


def test_without_zeroconf_there_is_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announce, "HAS_MDNS", False)
    with announce.local_name(5000, ["192.0.2.1"]) as name:
        assert name is None


def test_a_network_without_multicast_is_served_without_the_name(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    zeroconf = pytest.importorskip("zeroconf", reason="the .local name is an extra")

    def refused(*_: object, **__: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(zeroconf.Zeroconf, "register_service", refused)
    with announce.local_name(5000, ["127.0.0.1"]) as name:
        assert name is None
    assert "can't be announced: [Errno 101] Network is unreachable" in caplog.text
