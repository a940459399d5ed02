"""Every pin has a wheel for 64-bit ARM and each Python: nothing is built on the device.

And what still works where the runtime has none, as on 32 bits (README.md).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pytest
from packaging.markers import Marker
from PIL import Image

from edge_app.api.routes import make_app
from edge_app.config import Config
from edge_app.index.write.batch import Batch
from edge_app.indexing.watch import Watcher
from edge_app.search.alike.groups import Review
from edge_app.search.gallery import Gallery
from tests.indexes import new_image, writer_of
from tests.pins import Pin, edge_pins
from tests.serving import serving

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
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


@pytest.mark.model
def test_where_there_is_no_runtime_an_index_made_elsewhere_is_served_and_searched(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_app.model.runtime.RUNTIMES", {})
    with writer_of(tmp_path) as writer:
        writer.commit(Batch([new_image(f"{name}.jpg") for name in "abc"]))
    config = Config(gallery=tmp_path, index=tmp_path / "index", model=model, port=0)
    gallery = Gallery(config)
    app = make_app(gallery, Watcher(config, watch=False), Review(gallery.reader))
    with serving(app, config) as site:
        assert site.ask("/api/status").json["images"] == 3
        assert len(site.ask("/api/images/1/similar").json["items"]) == 2
        form = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = site.post("/api/search", form + picture() + b"\r\n--x--\r\n", kind)
        assert answer.error == "model_unavailable"
        assert "no TFLite runtime" in answer.json["error"]["message"]
    gallery.close()


def picture() -> bytes:
    """A photo from outside the library."""
    file = BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    return file.getvalue()
