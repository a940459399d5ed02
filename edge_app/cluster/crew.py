"""The machines at a scheduler that decode and embed for one run: who may, who has gone, and what
they have done."""

from __future__ import annotations

import logging
import queue
import time
from collections import Counter
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeAlias

from edge_app.cluster import node
from edge_app.cluster.address import Address
from edge_app.cluster.failures import line_of, name_of
from edge_app.cluster.quiet import quietly

# Of distributed, which has no types.
Client: TypeAlias = Any
Future: TypeAlias = Any

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between two looks at which machines there are
WAIT_S = 0.1  # between two looks at who has joined, while nobody has
CONNECT_S, CLOSE_S = 30.0, 5.0
ANSWER_S = 10.0  # for who is there; a scheduler that is stopped keeps its connections
AGAIN_S = 30.0  # between two tries to find the scheduler again
BRIEF_S = 2.0  # for one of them, and for what should be there
RESULTS = 32  # that come here at a time
RESULT_S = 30.0  # for one of them
FAILURES = 3  # of one machine, before it is not asked any more


class Crew:
    """Those that work, by address. Whoever comes is asked whether it agrees with this client; one
    with another version, model or library is refused, by name, in the log; one that sees none of
    the photos is asked again when others come.

    Raises OSError where the scheduler can't be reached; later it is tried again.
    """

    def __init__(self, address: Address, security: object, expected: node.Expected) -> None:
        self._address, self._security = address, security
        self.expected = expected  # may change: by photos that come later
        quietly()
        self.client = self._connect(CONNECT_S)
        self.working: set[str] = set()
        self.names: dict[str, str] = {}  # of all that have been seen, by address
        self._refused: set[str] = set()
        self._blind: dict[str, node.Expected] = {}  # which saw none of these photos, by address
        self._joining: dict[str, Future] = {}  # whether it may, by address
        self._failed: Counter[str] = Counter()
        self._looked_s = self._tried_s = time.monotonic() - AGAIN_S
        self._is_lost, self._ask_s = False, 0.0  # the scheduler, and when it is asked again

    @property
    def is_partly_blind(self) -> bool:
        """Whether a machine is there that may see other photos."""
        return bool(self._blind)

    def close(self) -> None:
        _leave(self.client)

    def wait(self, limit_s: float) -> None:
        """Until somebody works, or so long; not if nobody may who is there."""
        until = time.monotonic() + limit_s
        self.look()
        while not self.working and time.monotonic() < until:
            if (self._refused or self._blind) and not self._joining:
                return
            time.sleep(WAIT_S)
            self.look()

    def look(self) -> None:
        """Let new machines in that agree, and forget those that have gone."""
        if time.monotonic() - self._looked_s >= LOOK_S:
            self._looked_s = time.monotonic()
            self._compare(self._present())
        for address, future in list(self._joining.items()):
            if future.done():
                del self._joining[address]
                self._admit(address, future)

    def fails(self, address: str, reason: str) -> None:
        """Ask this machine for nothing until it has agreed again, and no more at the third time."""
        if address not in self.working:
            return  # told of another chunk of it
        self.working.discard(address)
        self._failed[address] += 1
        for_good = self._failed[address] == FAILURES
        if for_good:
            self._refused.add(address)
        log.warning(
            "machine %s failed, others do its part: %s%s", self.names[address], reason,
            f"; it failed {FAILURES} times and is not asked again" if for_good else "",
        )  # fmt: skip

    def _compare(self, present: dict[str, str]) -> None:
        self.names.update(present)
        for address in self.working - present.keys():
            self.working.discard(address)
            log.warning("machine %s has gone", self.names[address])
        for address in self._joining.keys() - present.keys():
            self._joining.pop(address).cancel()
        self._blind = {one: self._blind[one] for one in self._blind.keys() & present.keys()}
        idle = present.keys() - self.working - self._refused - self._joining.keys()
        for address in idle:
            if self._blind.get(address) is self.expected:
                continue
            # A task of its own: it reads photos there, and a machine that hangs holds nobody up.
            self._joining[address] = self.client.submit(
                node.refusal, self.expected, workers=[address], pure=False, priority=1
            )

    def _admit(self, address: str, answer: Future) -> None:
        try:
            refusal = answer.result(BRIEF_S)
        except (CancelledError, TimeoutError):
            return  # the scheduler has gone; who is there later is asked again
        except Exception as error:
            refusal = node.Refusal(f"it can't say what it has: {line_of(error)}")
        if refusal is None:
            self._blind.pop(address, None)
            self.working.add(address)
            return
        if refusal.for_good:
            self._refused.add(address)
            log.warning("machine %s is refused: %s", self.names[address], refusal.reason)
            return
        if address not in self._blind:
            log.warning("machine %s is not asked yet: %s", self.names[address], refusal.reason)
        self._blind[address] = self.expected

    def _present(self) -> dict[str, str]:
        """Names by address; none where the scheduler does not answer."""
        if self._is_lost and self.client.status != "running":
            self._connect_again()  # its client may have given the scheduler up
        workers: dict[str, Any] | None = None
        if self.client.status == "running" and time.monotonic() >= self._ask_s:
            try:
                workers = self.client.sync(
                    self.client.scheduler.identity, n_workers=-1,
                    callback_timeout=BRIEF_S if self._is_lost else ANSWER_S,
                )["workers"]  # fmt: skip
            except TimeoutError:
                self._ask_s = time.monotonic() + AGAIN_S
            except OSError:
                pass  # its client connects again by itself
        if workers is None and not self._is_lost:
            log.warning("the scheduler at %s has gone; this machine goes on alone", self._address)
            self._tried_s = time.monotonic()  # first its client tries by itself
        self._is_lost = workers is None
        return {address: name_of(facts, address) for address, facts in (workers or {}).items()}

    def _connect_again(self) -> None:
        if time.monotonic() - self._tried_s < AGAIN_S:
            return
        self._tried_s = time.monotonic()
        with suppress(OSError):
            client = self._connect(BRIEF_S)
            _leave(self.client)
            self.client = client

    def _connect(self, limit_s: float) -> Client:
        from distributed import Client

        self._address.own_host()  # a name that nobody has is said at once
        return Client(
            str(self._address), security=self._security, timeout=limit_s, set_as_default=False
        )


def _leave(client: Client) -> None:
    with suppress(Exception):  # the scheduler may be gone
        client.close(timeout=CLOSE_S)
    client.status = "closed"  # or Dask tries once more, for a minute, when it is collected


class Results:
    """What tasks give, as it comes here. A machine that stops may hold some: nobody waits for those
    but a thread, and not for ever."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESULTS, "results")
        self._come: queue.SimpleQueue[tuple[Future, object]] = queue.SimpleQueue()

    def expect(self, future: Future) -> None:
        future.add_done_callback(self._fetch)

    def next(self, limit_s: float) -> tuple[Future, object] | None:
        """A task and its result or error; None if there was none in this time."""
        try:
            return self._come.get(timeout=limit_s)
        except queue.Empty:
            return None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, future: Future) -> None:
        def fetch() -> None:
            try:
                result = future.result(RESULT_S)
            except Exception as error:
                result = error
            self._come.put((future, result))

        with suppress(RuntimeError):  # it is closed
            self._threads.submit(fetch)
