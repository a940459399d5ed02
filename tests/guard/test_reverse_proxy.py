"""The recipe of docs/reverse-proxy.md, run as it stands there but for names, ports and folders."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_app.config import Config
from tests.serving import Answer, echoing, parse_answer, serving
from tools.testing.waiting import PATIENCE_S, until

RECIPE = Path(__file__).parents[2] / "docs/reverse-proxy.md"
NAME = "photos.home.arpa"  # as the recipe says
HEADERS = {
    "X-Lookalike": "1",
    "Origin": f"https://{NAME}",
    "X-Forwarded-For": "203.0.113.1",
}

Proxy = tuple[int, ssl.SSLContext]  # HTTPS port, and what trusts its certificate


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Caddy, running the recipe."""
    if shutil.which("caddy") is None:
        pytest.skip("Caddy is not installed (apt install caddy)")
    home = tmp_path_factory.mktemp("caddy")
    text = RECIPE.read_text()
    recipe = re.search(r"```caddyfile\n(.*?)```", text, re.DOTALL)
    command = re.search(
        r"--base-path (\S+).*--allow-host (\S+) --trusted-proxy (\S+)", text, re.DOTALL
    )
    assert recipe
    assert command
    base_path, name, address = command.groups()
    config = Config(
        port=0, base_path=base_path, allowed_hosts=(name,), trusted_proxy=address
    )  # fmt: skip
    with serving(echoing, config) as site:
        port = free_port()
        options = f"\tadmin off\n\thttps_port {port}\n\thttp_port {free_port()}\n"
        caddyfile = recipe[1].replace("{\n", "{\n" + options, 1).replace("5000", str(site.port))
        (home / "Caddyfile").write_text(caddyfile)
        root = home / "caddy/pki/authorities/local/root.crt"
        with (
            (home / "log").open("w") as log,
            subprocess.Popen(
                ["caddy", "run", "--config", home / "Caddyfile"],
                env={**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home)},
                stderr=log,
            ) as caddy,
        ):
            try:
                until(root.exists)
                until(lambda: shakes_hands(port, root))
                yield port, ssl.create_default_context(cafile=root)
            finally:
                caddy.terminate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def shakes_hands(port: int, root: Path) -> bool:
    """Whether Caddy listens and has its certificates, which it makes when it has started."""
    try:
        context = ssl.create_default_context(cafile=root)
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as plain:
            context.wrap_socket(plain, server_hostname=NAME).close()
    except OSError:  # ssl.SSLError is one too
        return False
    return True


def ask(proxy: Proxy, path: str, method: str = "GET") -> Answer:
    """What a browser gets that opened https://photos.home.arpa, and claims to be someone else."""
    port, context = proxy
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as plain:
        secure = context.wrap_socket(plain, server_hostname=NAME)
        lines = [f"{method} {path} HTTP/1.1", f"Host: {NAME}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in HEADERS.items()]
        secure.sendall("\r\n".join([*lines, "", ""]).encode())
        return parse_answer(secure)


def test_the_gallery_is_reached_through_tls_below_its_path(proxy: Proxy) -> None:
    answer = ask(proxy, "/photos/api/images?limit=1")
    assert answer.status == 200
    told = answer.json
    assert (told["SCRIPT_NAME"], told["PATH_INFO"]) == ("/photos", "/api/images")
    assert told["wsgi.url_scheme"] == "https"  # so the cookie is Secure
    assert told["HTTP_HOST"] == "photos.home.arpa"
    assert told["REMOTE_ADDR"] == "127.0.0.1"  # the visitor Caddy saw, not the one they claim
    assert ask(proxy, "/photos").headers["location"] == "/photos/"


def test_our_page_may_post_through_the_proxy(proxy: Proxy) -> None:
    assert ask(proxy, "/photos/api/search", method="POST").status == 200
