"""Machines on one network that are not there: each a network namespace with an address of its own,
and, if asked for, with a part of one processor; and a cluster of them. For root alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.load.servers import ROOT
from edge_app.cluster.keys import make_keys

BRIDGE = "lookalike0"
ADDRESS = "10.77.{}.{}"  # a network that nobody else here should have
CGROUPS = Path("/sys/fs/cgroup/cpu")
PERIOD_US = 100_000
END_S = 30.0  # for a process that was told to end


def possible() -> str | None:
    """Why there can be no such machines here, None if there can."""
    if os.geteuid():
        return "network namespaces need root"
    try:
        _ip("netns", "add", f"{BRIDGE}-try")
        _ip("netns", "del", f"{BRIDGE}-try")
    except (OSError, subprocess.CalledProcessError) as error:
        return f"network namespaces can't be made here: {error}"
    return None


class Machine:
    """One of them, and the processes on it."""

    def __init__(self, net: int, number: int, cores: float | None = None) -> None:
        self.name = f"lookalike-{net}-{number}"
        self.address = ADDRESS.format(net, number)
        self.processes: list[subprocess.Popen[str]] = []
        self._port = f"lk{net}x{number}"
        self._cgroup = CGROUPS / self.name
        self._limited = cores is not None
        _ip("netns", "add", self.name)
        _ip("link", "add", self._port, "type", "veth", "peer", "eth0", "netns", self.name)
        _ip("link", "set", self._port, "master", f"{BRIDGE}{net}", "up")
        self.run("ip", "addr", "add", f"{self.address}/24", "dev", "eth0")
        self.connect()
        self.run("ip", "link", "set", "lo", "up")
        if cores is not None:
            self._cgroup.mkdir(exist_ok=True)
            (self._cgroup / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self._cgroup / "cpu.cfs_quota_us").write_text(str(round(cores * PERIOD_US)))

    def run(self, *command: str) -> None:
        """Have it done there."""
        subprocess.run(["ip", "netns", "exec", self.name, *command], check=True)

    def start(self, *words: object, **options: Any) -> subprocess.Popen[str]:
        """`python -m …` there; its output can be read."""
        command = ["ip", "netns", "exec", self.name]
        if self._limited:
            enter = f'echo $$ > {self._cgroup}/cgroup.procs && exec "$@"'
            command = ["sh", "-c", enter, "sh", *command]  # before: there, /sys is another
        process = subprocess.Popen(
            [*command, sys.executable, "-m", *map(str, words)], cwd=ROOT, stdout=subprocess.PIPE,
            text=True, **options,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def traffic_bytes(self) -> int:
        """What it has sent and got so far, as the network counts it."""
        counters = Path("/sys/class/net") / self._port / "statistics"
        return sum(int((counters / f"{way}_bytes").read_text()) for way in ("rx", "tx"))

    def cut_off(self) -> None:
        """Whatever is sent to it is lost from now on, and so is what it sends."""
        self.run("ip", "link", "set", "eth0", "down")

    def connect(self) -> None:
        self.run("ip", "link", "set", "eth0", "up")

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        _ip("link", "del", self._port)  # the namespace goes when the kernel finds time
        _ip("netns", "del", self.name)
        if self._limited:
            self._cgroup.rmdir()


class Network:
    """Machines that reach one another."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.machines: list[Machine] = []

    def machine(self, cores: float | None = None) -> Machine:
        """One more; with `cores` of a processor at most."""
        found = Machine(self._number, 2 + len(self.machines), cores)
        self.machines.append(found)
        return found

    def close(self) -> None:
        for machine in self.machines:
            machine.close()


@contextmanager
def network() -> Iterator[Network]:
    """It goes away with all its processes."""
    number = os.getpid() % 200  # tests run side by side
    bridge = f"{BRIDGE}{number}"
    _ip("link", "add", bridge, "type", "bridge")
    try:
        _ip("link", "set", bridge, "up")
        made = Network(number)
        try:
            yield made
        finally:
            made.close()
    finally:
        _ip("link", "del", bridge)


class Cluster:
    """A scheduler, who asks, and machines."""

    def __init__(self, net: Network, home: Path) -> None:
        self.net, self.home = net, home
        make_keys(home / "keys")
        self.tls = ("--cluster-tls", home / "keys")
        self.scheduler = net.machine()
        self.address = f"tls://{self.scheduler.address}:8786"
        self.asker = net.machine()
        self._begin(self.scheduler, "scheduler", self.address)

    def worker(self, *options: object, cores: float | None = None) -> Machine:
        """One more machine that works."""
        made = self.net.machine(cores)
        self._begin(made, "worker", self.address, *options)
        return made

    def _begin(self, machine: Machine, *words: object) -> None:
        process = machine.start("edge_app", *words, *self.tls, stderr=subprocess.DEVNULL)
        assert process.stdout
        said = process.stdout.readline()
        assert said, f"{words[0]} ended at once"

    def end(self) -> float:
        """Tell everybody to end; how long the slowest took, who may no longer be reached."""
        began = time.monotonic()
        machines = [one for one in self.net.machines if one.processes]
        for one in reversed(machines):
            for process in one.processes:
                process.terminate()
        for one in machines:
            for process in one.processes:
                process.wait(END_S)
        return time.monotonic() - began


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
