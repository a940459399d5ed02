"""Every pin has a wheel for 64-bit ARM and each Python: nothing is built on the device."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest
from packaging.markers import Marker

from tests.pins import Pin, edge_pins

PYTHONS = ("3.11", "3.12", "3.13")
GLIBC = 36  # 2.36, as Debian 12 and the Raspberry Pi OS of that year have it
PLATFORMS = (
    "manylinux2014_aarch64",
    *(f"manylinux_2_{minor}_aarch64" for minor in range(17, GLIBC + 1)),
)


def asking_pip(pins: Sequence[Pin], *options: str) -> subprocess.Popen[str]:
    """pip, looking whether the index it is set up for has wheels of all these."""
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed"]
    # Nothing is put there; pip wants a folder where another platform is asked for.
    where = ["--only-binary=:all:", "--target", "unused", "--retries", "1", "--timeout", "10"]
    requirements = [pin.requirement for pin in pins]
    return subprocess.Popen(
        [*pip, *where, "--quiet", "--disable-pip-version-check", *options, *requirements],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wanted(python: str) -> list[Pin]:
    """The pins for one Python, extras included."""
    return [
        pin
        for pin in edge_pins()
        if not pin.marker or Marker(pin.marker).evaluate({"python_version": python})
    ]


def test_each_python_has_one_runtime_and_one_numpy() -> None:
    for python in PYTHONS:
        names = [pin.name for pin in wanted(python)]
        assert len(names) == len(set(names))
        assert len({"tflite-runtime", "ai-edge-litert"} & set(names)) == 1
        assert "numpy" in names


def test_every_pin_has_a_wheel_for_64_bit_arm() -> None:
    anywhere = [pin for pin in edge_pins() if pin.name == "bottle"]  # one file for all machines
    with asking_pip(anywhere) as pip:
        pip.communicate()
    if pip.returncode:
        pytest.skip("no package index can be reached")
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    asked = {
        python: asking_pip(wanted(python), "--python-version", python, *platforms)
        for python in PYTHONS
    }
    said = {python: pip.communicate()[1] for python, pip in asked.items()}
    lacking = {python: said[python] for python, pip in asked.items() if pip.returncode}
    assert not lacking
