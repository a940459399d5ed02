"""answering: a folder that never answers holds up nobody for longer than it must."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edge_app import answering
from tools.testing.waiting import until


def test_a_folder_that_does_not_answer_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there")
    assert answering.answers(tmp_path / "nowhere")
    assert answering.real_path(link) == str(tmp_path / "there")
    server = threading.Event()
    monkeypatch.setattr(answering, "ANSWER_S", 0.1)
    with monkeypatch.context() as hanging:
        hanging.setattr(answering, "_look", lambda folder: server.wait())
        assert answering.real_path(link) == str(link)
        hanging.setattr(answering, "_look", lambda folder: pytest.fail("a second look"))
        assert not answering.answers(link)
        server.set()
    until(lambda: answering.answers(link))
