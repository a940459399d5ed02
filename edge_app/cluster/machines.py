"""The machines at a scheduler that have a copy of an index: who is there, and asking them.

It runs on an event loop of its own, in a thread, so that a machine that does not answer holds
nobody up.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from edge_app import VERSION
from edge_app.cluster import scanner
from edge_app.cluster.address import Address
from edge_app.cluster.failures import Failed, line_of, name_of, unreachable
from edge_app.cluster.keys import MISSING, security_of
from edge_app.cluster.quiet import quietly
from edge_app.errors import UsageError
from edge_app.index.read.snapshot import Snapshot

Client: TypeAlias = Any  # of distributed, which has no types

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between two looks at which machines there are and what they have
ANSWER_S = 20.0  # for what a machine has: it may load the newest commit of millions of images
CONNECT_S = 15.0
CLOSE_S = 5.0
REST_MAX_S = 60.0  # a machine that fails again and again would cost every search its time


@dataclass(slots=True)
class _Machine:
    name: str
    state: scanner.State | None = None  # None: it has not answered
    looking: bool = False
    refusal: str | None = None  # why it is not asked, said once
    failures: int = 0  # since it last did a part
    rests_until_s: float = 0.0


@dataclass(frozen=True, slots=True)
class MachineState:
    """How a machine stands, for people."""

    name: str
    state: Literal["ready", "behind", "silent"]  # behind: its copy is of another commit
    searched: int  # ranges it has done


class Machines:
    """A connection to a scheduler, kept up, and the machines there. ClusterError if there is none
    at the start; later it is tried again and again."""

    def __init__(self, address: str, tls: Path | None) -> None:
        self.address = Address.of(address)
        self._present: dict[str, _Machine] = {}  # by address
        self._done: Counter[str] = Counter()  # ranges by name
        self._client: Client = None
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise UsageError(MISSING) from None
        security = security_of(self.address, tls)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        connected: Future[None] = Future()
        self._kept = self._start(self._keep(security, connected))
        try:
            connected.result()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave the cluster; its machines go on."""
        self._kept.cancel()
        with suppress(Exception):
            self._start(self._leave(self._client)).result(CLOSE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_S)

    def addresses(self, snapshot: Snapshot) -> list[str]:
        """Of the machines that have this snapshot, always in the same order, so that each gets
        the rows it had before."""
        digest = snapshot.digest
        ready = [one for one in list(self._present.items()) if _is_ready(one[1], digest)]
        return [address for address, machine in sorted(ready, key=lambda one: one[1].name)]

    def answers(self, address: str) -> bool:
        """Whether a machine is there and has told what it has when it was last asked."""
        machine = self._present.get(address)
        return machine is not None and machine.state is not None

    def ask(
        self, address: str, function: Any, *values: Any, timeout_s: float | None = None
    ) -> Future[Any]:
        """The function's result on a machine; an exception where it has gone or takes too long."""
        return self._start(self._ask(address, function, values, timeout_s))

    def note(self, address: str) -> None:
        """Count a range that a machine has done."""
        if machine := self._present.get(address):
            self._done[machine.name] += 1
            machine.failures = 0

    def fails(self, address: str, reason: str) -> str:
        """Do not ask this machine until it has told what it has again, which it is asked later and
        later; its name."""
        machine = self._present.get(address)
        if machine is None:
            return address
        if machine.state is not None:
            log.warning("machine %s did not search: %s; others do its part", machine.name, reason)
        machine.state = None
        machine.failures += 1
        if machine.failures > 1:
            machine.rests_until_s = time.monotonic() + min(REST_MAX_S, 2.0**machine.failures)
        return machine.name

    def states(self, snapshot: Snapshot) -> list[MachineState]:
        """Every machine there, by name, and whether it has this snapshot."""
        digest = snapshot.digest
        found = []
        for machine in sorted([*self._present.values()], key=lambda machine: machine.name):
            if machine.state is None:
                how: Literal["ready", "behind", "silent"] = "silent"
            else:
                how = "ready" if _is_ready(machine, digest) else "behind"
            found.append(MachineState(machine.name, how, self._done[machine.name]))
        return found

    def _start(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _keep(self, security: object, connected: Future[None]) -> None:
        from distributed import Client

        quietly()
        while True:
            client = None
            try:
                self.address.own_host()  # a name that nobody has is said at once
                client = Client(
                    str(self.address), security=security, timeout=CONNECT_S,
                    set_as_default=False, asynchronous=True,
                )  # fmt: skip
                self._client = await client
            except OSError as error:
                await self._leave(client)
                if not connected.done():
                    connected.set_exception(unreachable(self.address, error))
                    return
            else:
                with suppress(OSError):
                    await self._look()
                if not connected.done():
                    connected.set_result(None)
                while self._client.status == "running":
                    await asyncio.sleep(LOOK_S)
                    try:
                        await self._look()
                    except OSError:
                        break
                log.warning("the scheduler at %s has gone; this machine searches", self.address)
                self._present = {}
                await self._leave(self._client)
            await asyncio.sleep(LOOK_S)

    async def _leave(self, client: Client | None) -> None:
        self._client = None
        if client is not None:
            with suppress(Exception):
                await asyncio.wait_for(client.close(), CLOSE_S)
            client.status = "closed"  # or Dask tries once more when it is collected

    async def _look(self) -> None:
        """Which machines there are, and what they have."""
        identity = await asyncio.wait_for(self._client.scheduler.identity(n_workers=-1), ANSWER_S)
        workers = identity["workers"]
        for address in self._present.keys() - workers.keys():
            log.warning("machine %s has gone", self._present.pop(address).name)
        for address in workers.keys() - self._present.keys():
            self._present[address] = _Machine(name_of(workers[address], address))
        asked = [
            asyncio.ensure_future(self._ask_state(address, machine))
            for address, machine in self._present.items()
            if not machine.looking and machine.rests_until_s <= time.monotonic()
        ]
        if asked:  # the slow ones answer when they do
            await asyncio.wait(asked, timeout=LOOK_S)

    async def _ask_state(self, address: str, machine: _Machine) -> None:
        machine.looking = True
        try:
            state = await self._ask(address, scanner.state, (), ANSWER_S)
        except Exception as error:
            state = Failed(line_of(error))
        finally:
            machine.looking = False
        if isinstance(state, scanner.State) and state.version != VERSION:
            reason = f"it runs version {state.version}, and {VERSION} is wanted"
            state = Failed(reason)
        if isinstance(state, Failed):
            if machine.refusal != state.reason:
                log.warning("machine %s is not asked: %s", machine.name, state.reason)
            machine.state, machine.refusal = None, state.reason
        else:
            machine.state, machine.refusal = state, None

    async def _ask(
        self, address: str, function: Any, values: tuple[Any, ...], timeout_s: float | None
    ) -> Any:
        client = self._client
        if client is None:
            raise ConnectionError("the scheduler has gone")
        call = client.run(function, *values, workers=[address], on_error="return")
        try:
            answers = await asyncio.wait_for(call, timeout_s)
        except TimeoutError:
            raise TimeoutError(f"no answer within {timeout_s:g} s") from None
        answer = answers[address]
        if isinstance(answer, BaseException):
            raise answer
        return answer


def _is_ready(machine: _Machine, digest: str) -> bool:
    return machine.state is not None and digest in machine.state.digests
