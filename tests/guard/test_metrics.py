"""metrics: Prometheus's text format, from any thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from edge_app.guard.metrics import BUCKETS_S, Counter, Histogram, counter, exposition, gauge


def test_every_family_has_its_help_its_type_and_its_values() -> None:
    requests = Counter("requests_total", "Requests.")
    for code in ("200", "404", "200"):
        requests.add(method="GET", code=code)
    families = [
        gauge("memory_bytes", "Memory.", 3_000_000_000),
        counter("cpu_seconds_total", "Time.", 0.1),
        requests.family(),
    ]
    assert exposition(families) == (
        "# HELP memory_bytes Memory.\n"
        "# TYPE memory_bytes gauge\n"
        "memory_bytes 3000000000\n"
        "# HELP cpu_seconds_total Time.\n"
        "# TYPE cpu_seconds_total counter\n"
        "cpu_seconds_total 0.10000000000000001\n"
        "# HELP requests_total Requests.\n"
        "# TYPE requests_total counter\n"
        'requests_total{method="GET",code="200"} 2\n'
        'requests_total{method="GET",code="404"} 1\n'
    )


def test_labels_are_escaped() -> None:
    text = exposition([gauge("info", "Info.", 1, model='a"b\\c\nd')])
    assert text.splitlines()[-1] == r'info{model="a\"b\\c\nd"} 1'


def test_a_bucket_holds_what_took_as_long_or_less() -> None:
    times = Histogram("seconds", "Time.")
    for seconds in (0.001, 0.005, 0.3, 60.0):
        times.observe(seconds)
    values = dict(line.split() for line in exposition([times.family()]).splitlines()[2:])
    assert values['seconds_bucket{le="0.005"}'] == "2"
    assert values['seconds_bucket{le="0.25"}'] == "2"
    assert values['seconds_bucket{le="0.5"}'] == "3"
    assert values['seconds_bucket{le="10.0"}'] == "3"
    assert values['seconds_bucket{le="+Inf"}'] == values["seconds_count"] == "4"
    assert float(values["seconds_sum"]) == 60.306
    assert len(values) == len(BUCKETS_S) + 3


def test_nothing_is_lost_between_threads() -> None:
    requests, times = Counter("requests_total", "Requests."), Histogram("seconds", "Time.")

    def work(_: int) -> None:
        for _ in range(1000):
            requests.add(code="200")
            times.observe(0.01)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert requests.family().samples == (("", (("code", "200"),), 8000),)
    assert times.family().samples[-1] == ("_count", (), 8000)
