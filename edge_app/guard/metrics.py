"""Counters, and figures in the text format that Prometheus reads.

Names, units and help lines as prometheus.io/docs/practices/naming asks: base units, `_total` for
what only grows, one unit a name. The format: prometheus.io/docs/instrumenting/exposition_formats.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Labels = tuple[tuple[str, str], ...]  # name and value


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name, what it says, and a value for each set of labels."""

    name: str
    kind: str  # "counter", "gauge" or "histogram"
    help: str
    samples: tuple[tuple[str, Labels, float], ...]  # suffix of the name, labels, value


def gauge(name: str, help: str, value: float, **labels: str) -> Family:
    """A value that goes up and down."""
    return Family(name, "gauge", help, (("", tuple(labels.items()), value),))


def labelled(
    name: str, kind: str, help: str, label: str, values: Iterable[tuple[str, float]]
) -> Family:
    """A value for each value of one label."""
    samples = tuple(("", ((label, which),), float(value)) for which, value in values)
    return Family(name, kind, help, samples)


def counter(name: str, help: str, value: float) -> Family:
    """A value that only grows, counted elsewhere."""
    return Family(name, "counter", help, (("", (), value),))


def exposition(families: Iterable[Family]) -> str:
    """What a scraper reads."""
    return "".join(f"{line}\n" for family in families for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.help}"
    yield f"# TYPE {family.name} {family.kind}"
    for suffix, labels, value in family.samples:
        named = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
        yield f"{family.name}{suffix}{f'{{{named}}}' if named else ''} {value:.17g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


class Counter:
    """Counts, from any thread; labels have few values, none of a client's choice."""

    def __init__(self, name: str, help: str) -> None:
        self.name, self.help = name, help
        self._counts: Counts[Labels] = Counts()
        self._lock = threading.Lock()

    def add(self, **labels: str) -> None:
        """One more."""
        with self._lock:
            self._counts[tuple(labels.items())] += 1

    def family(self) -> Family:
        """The counts so far."""
        with self._lock:
            counts = sorted(self._counts.items())
        return Family(
            self.name, "counter", self.help, tuple(("", labels, n) for labels, n in counts)
        )


class Histogram:
    """How long something took how often, from any thread."""

    def __init__(self, name: str, help: str) -> None:
        self.name, self.help = name, help
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self._sum_s = 0.0
        self._lock = threading.Lock()

    def observe(self, seconds: float) -> None:
        """One more, which took so long."""
        with self._lock:
            self._counts[bisect_left(BUCKETS_S, seconds)] += 1
            self._sum_s += seconds

    def family(self) -> Family:
        """The times so far; a bucket holds those of the buckets below it too."""
        with self._lock:
            counts, sum_s = list(self._counts), self._sum_s
        samples: list[tuple[str, Labels, float]] = []
        total = 0
        for bound, count in zip([*map(str, BUCKETS_S), "+Inf"], counts, strict=True):
            total += count
            samples.append(("_bucket", (("le", bound),), total))
        samples += [("_sum", (), sum_s), ("_count", (), total)]
        return Family(self.name, "histogram", self.help, tuple(samples))
