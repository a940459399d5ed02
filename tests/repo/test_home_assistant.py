"""docs/home-assistant.md: its templates say what the server's status says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_app.api.routes import make_app
from edge_app.config import Config
from edge_app.indexing.watch import Watcher
from edge_app.search.alike.groups import Review
from edge_app.search.gallery import Gallery
from tests.conftest import ROOT
from tests.serving import serving

jinja2 = pytest.importorskip("jinja2")  # what Home Assistant's templates are


class Secrets(yaml.SafeLoader):  # type: ignore[misc]
    """Home Assistant's own tag."""


Secrets.add_constructor("!secret", lambda loader, node: f"secret {node.value}")


def examples() -> list[Any]:
    text = (ROOT / "docs/home-assistant.md").read_text()
    return [
        yaml.load(block, Secrets) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    ]


@pytest.mark.parametrize("away", [False, True])
def test_the_sensors_show_the_state_of_the_server(tmp_path: Path, away: bool) -> None:
    if not away:
        (tmp_path / "photos").mkdir()
    config = Config(gallery=tmp_path / "photos", index=tmp_path / "index", port=0)
    gallery = Gallery(config)
    app = make_app(gallery, Watcher(config, watch=False), Review(gallery.reader))
    with serving(app, config) as site:
        status = site.ask("/api/status").json
    gallery.close()
    (rest,) = examples()[0]["rest"]
    assert rest["resource"].endswith("/api/status")
    shown = {
        one["name"]: jinja2.Template(one["value_template"]).render(value_json=status)
        for one in (*rest["sensor"], *rest["binary_sensor"])
    }
    assert shown == {
        "Lookalike photos": "0",
        "Lookalike indexing": status["indexing"]["state"],
        "Lookalike photo folder away": str(away),
    }


def test_the_frame_is_a_view_of_the_page() -> None:
    url = examples()[1]["tap_action"]["url_path"]
    assert url.endswith("/?view=frame")
