"""The tests of the benchmarks need what the product's need."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("tools.testing.fixtures")  # once, whoever asks for it
