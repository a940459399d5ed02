"""What most tests share: where the model and the labelled photos are, and why a test skips."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
# A busy machine is slow, not wrong.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("tools.testing.fixtures")
    # Models are tried once for all runs of the tests, and nothing is written in the user's home.
    os.environ["XDG_CACHE_HOME"] = str(ROOT / ".pytest_cache/user")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests begin first, so that none runs on when the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def flowers() -> Path:
    """600 labelled photos, 120 of each of five classes, one folder a class."""
    path = ROOT.parent / "shared/photos/flowers"
    if not path.is_dir():
        pytest.skip("../shared/photos is not there")
    return path


@pytest.fixture(scope="session")
def build_python() -> str:
    """The Python of the environment that has TensorFlow."""
    made = ROOT / ".venv-build/bin/python"
    python = os.environ.get("EDGE_BUILD_PYTHON") or (str(made) if made.exists() else None)
    if python is None:
        pytest.skip(
            "no build environment; `make model` makes .venv-build, or set EDGE_BUILD_PYTHON"
        )
    return python


@pytest.fixture(scope="session")
def odd_models(build_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the models of build_odd_models.py."""
    folder = tmp_path_factory.mktemp("odd")
    script = ROOT / "tests/build_odd_models.py"
    subprocess.run([build_python, script, folder], stderr=subprocess.DEVNULL, check=True)
    return folder
