"""Official checkpoints: downloaded once, checked by hash; what to bring without a network."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from conversion.clip import checkpoints
from conversion.clip.checkpoints import Official, find_checkpoint
from conversion.clip.shapes import Network
from edge_app.errors import ModelError
from tests import tinyclip

NETWORK = Network("tiny CLIP", None, ("tiny",))
REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What a server has by path, and what it was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def put(self, kind: str, name: str, content: bytes) -> None:
        self.files[f"/some/tiny/{kind}/{REVISION}/{name}"] = content


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A server that has a checkpoint, in place of the real one; nothing is in the cache."""
    hub = Hub()
    file = tinyclip.save(tmp_path / "source")
    hub.put("resolve", "model.safetensors", file.read_bytes())
    hub.put("resolve", "config.json", (file.parent / "config.json").read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.asked.append(self.path.rpartition("/")[2])
            content = hub.files.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(checkpoints, "HUB", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(checkpoints, "CACHE", tmp_path / "cache")
    publish(monkeypatch, hashlib.sha256(file.read_bytes()).hexdigest())
    yield hub
    server.shutdown()
    server.server_close()


def publish(monkeypatch: pytest.MonkeyPatch, sha256: str | None) -> None:
    official = Official("some/tiny", REVISION, "model.safetensors", sha256, "made up", "MIT")
    monkeypatch.setattr(checkpoints, "OFFICIAL", {"tiny": official})


def cached(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_it_is_downloaded_once_and_the_card_gets_source_hash_and_licence(
    hub: Hub, tmp_path: Path
) -> None:
    said: list[str] = []
    found = find_checkpoint("auto", NETWORK, said.append)
    assert found.official and found.licence == "MIT"
    assert found.sha256 and found.sha256 in found.source and "some/tiny" in found.source
    assert found.shape.dim == tinyclip.DIM and found.shape.activation == "quick_gelu"
    assert len(said) == 1 and said[0].startswith("downloading http://")
    assert cached(tmp_path) == ["config.json", "model.safetensors"]
    assert find_checkpoint("tiny", NETWORK, said.append) == found
    assert hub.asked == ["model.safetensors", "config.json"] and len(said) == 1


def test_another_file_than_the_one_meant_is_not_kept(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, "0" * 64)
    with pytest.raises(ModelError, match=r"has another SHA-256 than 0{64}; nothing is kept"):
        find_checkpoint("tiny", NETWORK, print)
    assert cached(tmp_path) == []


def test_a_cached_file_that_was_changed_is_refused(hub: Hub, tmp_path: Path) -> None:
    find_checkpoint("tiny", NETWORK, print)
    (file,) = (tmp_path / "cache").rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"has another SHA-256 than .*; remove it to download it"):
        find_checkpoint("tiny", NETWORK, print)


def test_a_hash_that_is_not_known_here_is_the_publishers(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, None)
    content = hub.files[f"/some/tiny/resolve/{REVISION}/model.safetensors"]
    sha256 = hashlib.sha256(content).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize 1\n"
    hub.put("raw", "model.safetensors", pointer.encode())
    assert find_checkpoint("tiny", NETWORK, print).sha256 == sha256
    hub.put("raw", "model.safetensors", pointer.replace(sha256, "1" * 64).encode())
    (tmp_path / "cache" / f"tiny-{REVISION[:12]}" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"another SHA-256 than 1{64}"):
        find_checkpoint("tiny", NETWORK, print)


def test_a_list_without_a_hash_is_no_reason_to_trust(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, None)
    hub.put("raw", "model.safetensors", b"<html>welcome</html>")
    with pytest.raises(ModelError, match="does not list a SHA-256"):
        find_checkpoint("tiny", NETWORK, print)
    assert cached(tmp_path) == []


def test_without_a_network_it_says_what_to_bring_and_where_to_put_it(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "HUB", "http://127.0.0.1:9")
    with pytest.raises(ModelError) as raised:
        find_checkpoint("tiny", NETWORK, print)
    line = str(raised.value)
    assert "\n" not in line
    assert f"http://127.0.0.1:9/some/tiny/resolve/{REVISION}/model.safetensors" in line
    place = tmp_path / "cache" / f"tiny-{REVISION[:12]}" / "model.safetensors"
    assert f"bring that file and copy it to {place}, with SHA-256 " in line
    publish(monkeypatch, None)
    with pytest.raises(ModelError, match=r"bring the checkpoint and its config\.json, and name it"):
        find_checkpoint("tiny", NETWORK, print)


def test_what_was_brought_is_taken(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "HUB", "http://127.0.0.1:9")
    place = tmp_path / "cache" / f"tiny-{REVISION[:12]}"
    tinyclip.save(place)
    assert find_checkpoint("tiny", NETWORK, print).official
    (place / "config.json").write_text(json.dumps(tinyclip.config("gelu")))
    assert find_checkpoint("tiny", NETWORK, print).shape.activation == "gelu"
