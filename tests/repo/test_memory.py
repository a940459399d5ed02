"""Available memory is the machine's, or less where any cgroup above this process limits it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_app.config import Limits, MiB
from edge_app.memory import available_bytes, default_interpreters, default_workers


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with 1,000 MiB available."""
    meminfo = f"MemTotal: {2000 * 1024} kB\nMemAvailable: {1000 * 1024} kB\nHugePages_Total: 0\n"
    write(tmp_path, {"proc/meminfo": meminfo, "proc/self/cgroup": ""})
    return tmp_path


def v1_group(limit: int, used: int, cache: int) -> dict[str, str]:
    return {
        "memory.limit_in_bytes": f"{limit}\n",
        "memory.usage_in_bytes": f"{used}\n",
        "memory.stat": f"inactive_file 7\ntotal_inactive_file {cache}\ntotal_active_file 0\n",
    }


def v2_group(limit: int | str, used: int, cache: int) -> dict[str, str]:
    return {
        "memory.max": f"{limit}\n",
        "memory.current": f"{used}\n",
        "memory.stat": f"anon 1\ninactive_file 0\nactive_file {cache}\n",
    }


def test_without_a_cgroup_it_is_the_machines(root: Path) -> None:
    assert available_bytes(root) == 1000 * MiB


def test_a_v2_limit_holds_less_what_is_used_but_for_page_cache(root: Path) -> None:
    write(root, {"proc/self/cgroup": "0::/user/app\n"})
    write(root / "sys/fs/cgroup/user/app", v2_group(300 * MiB, 200 * MiB, 50 * MiB))
    assert available_bytes(root) == 150 * MiB


def test_the_tightest_group_above_holds(root: Path) -> None:
    write(root, {"proc/self/cgroup": "0::/user/app\n"})
    write(root / "sys/fs/cgroup/user", v2_group(100 * MiB, 90 * MiB, 0))
    write(root / "sys/fs/cgroup/user/app", v2_group("max", 10 * MiB, 0))
    assert available_bytes(root) == 10 * MiB


def test_a_v1_limit_holds(root: Path) -> None:
    write(root, {"proc/self/cgroup": "5:cpu:/app\n4:memory:/app\n0::/\n"})
    write(root / "sys/fs/cgroup/memory/app", v1_group(400 * MiB, 300 * MiB, 100 * MiB))
    assert available_bytes(root) == 200 * MiB


def test_in_a_container_the_mount_itself_is_the_group(root: Path) -> None:
    write(root, {"proc/self/cgroup": "4:memory:/docker/0123\n"})
    write(root / "sys/fs/cgroup/memory", v1_group(400 * MiB, 300 * MiB, 0))
    assert available_bytes(root) == 100 * MiB


def test_this_machine_has_some() -> None:
    assert available_bytes() > 0


def test_little_memory_means_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_app.memory.available_bytes", lambda: 300 * MiB)
    assert default_workers(Limits()) == 1


def test_a_large_model_has_fewer_interpreters_where_memory_is_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """ViT-B/32 in float32 has 351 MB, MobileNetV2 14: each interpreter packs them once more."""
    monkeypatch.setattr("edge_app.memory.default_threads", lambda: 4)
    monkeypatch.setattr("edge_app.memory.available_bytes", lambda: 900 * MiB)
    assert default_interpreters(351_000_000) == 1
    assert default_interpreters(89_000_000) == 4
    assert default_interpreters(14_000_000) == 4
    monkeypatch.setattr("edge_app.memory.available_bytes", lambda: 300 * MiB)
    assert default_interpreters(89_000_000) == 1
