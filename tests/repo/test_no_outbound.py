"""No outbound connection, ever: indexing, searching and serving reach nobody and look up no name.

Two proofs: Python's own audit events, and the kernel's counters in a network namespace that has
nothing but loopback, where also what child processes and libraries in C try is counted.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.testing.pictures import save
from tools.testing.waiting import PROGRAM_S

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.model

# Runs in a process of its own: index, search, serve and a visitor, one after the other.
WHOLE_LIFE = """
import http.client, os, socket, sys, threading, time
from edge_app.cli import arguments as cli
where = sys.argv[1:]
assert cli.main(["index", *where]) == 0
assert cli.main(["search", sys.argv[2] + "/0.png", *where]) == 0

def visit():
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", PORT), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    try:
        for path in ("/", "/api/status", "/api/images", "/api/images/1/similar", "/thumbs/1",
                     "/originals/1", "/api/duplicates", "/api/openapi.json", "/metrics"):
            visitor = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
            visitor.request("GET", path)
            answer = visitor.getresponse()
            answer.read()
            assert answer.status == 200, path
    finally:
        os.kill(os.getpid(), 15)

free = socket.create_server(("127.0.0.1", 0))
PORT = free.getsockname()[1]
free.close()
threading.Thread(target=visit).start()
assert cli.main(["serve", *where, "--port", str(PORT)]) == 0
"""

AUDITED = """
import sys
seen = []
def note(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1"):
            seen.append((event, str(address)))
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        if arguments[0] not in (None, "", "127.0.0.1", "0.0.0.0", "::1"):
            seen.append((event, str(arguments[0])))
sys.addaudithook(note)
try:
    exec(sys.stdin.read())
finally:
    print("SEEN", seen)
"""

COUNTED = """
import json, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

def sent():
    lines = open("/proc/net/snmp").read().splitlines()
    tables = {}
    for names, values in zip(lines[::2], lines[1::2]):
        table, *names = names.split()
        tables[table] = dict(zip(names, map(int, values.split()[1:])))
    return {"no route": tables["Ip:"]["OutNoRoutes"], "datagrams": tables["Udp:"]["OutDatagrams"]}

before = sent()
subprocess.run([sys.executable, "-", *sys.argv[1:]], input=sys.stdin.read(), text=True, check=True)
after = sent()
dial = "import socket; s = socket.socket(); s.settimeout(1); s.connect_ex(('192.0.2.1', 80))"
subprocess.run([sys.executable, "-c", dial])
print(json.dumps({"before": before, "after": after, "after dialling": sent()}))
"""


@pytest.fixture(scope="module")
def arguments(model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    home = tmp_path_factory.mktemp("home")
    for seed in range(3):
        save(home / f"library/{seed}.png", seed)
    return [
        "--gallery",
        str(home / "library"),
        "--index",
        str(home / "index"),
        "--model",
        str(model),
    ]


def run(command: list[str], arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *arguments],
        input=WHOLE_LIFE,
        capture_output=True,
        text=True,
        timeout=PROGRAM_S,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_python_dials_nobody_and_looks_up_no_name(arguments: list[str]) -> None:
    done = run([sys.executable, "-c", AUDITED], arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "SEEN []"


@pytest.mark.privileged
def test_no_packet_leaves_a_network_of_its_own(arguments: list[str]) -> None:
    alone = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if not (shutil.which("unshare") and shutil.which("ip")):
        pytest.skip("unshare and ip (util-linux, iproute2) are not there")
    if subprocess.run([*alone, "true"], capture_output=True).returncode != 0:
        pytest.skip("this system grants no network namespace")
    done = run([*alone, sys.executable, "-c", COUNTED], arguments)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["after"] == counts["before"]
    assert counts["after dialling"]["no route"] > counts["after"]["no route"]  # it would be seen
