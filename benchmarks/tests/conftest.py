"""The tests of the benchmarks need what the product's need."""

from tools.testing.fixtures import model, not_nice, pytest_runtest_protocol

__all__ = ["model", "not_nice", "pytest_runtest_protocol"]
