"""WebKit and Firefox, each driven in its own way behind one face. Absent ones skip."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from selenium import webdriver
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service
from websocket import create_connection

from tools.testing.waiting import PATIENCE_S, until

MINI_BROWSER = ("MiniBrowser", "/usr/lib/*-linux-gnu/webkit2gtk-4.*/MiniBrowser")
DISPLAY_PX = "1280x900x24"


class Engine(Protocol):
    """A window of a browser."""

    def open(self, url: str) -> None: ...

    def run(self, expression: str) -> Any:
        """What a JavaScript expression is, or what its promise becomes, as JSON has it."""


def wait(engine: Engine, expression: str) -> None:
    """Wait until JavaScript says so."""
    until(lambda: bool(engine.run(expression)))


class WebKit:
    """WebKitGTK's MiniBrowser, which shares WebKit with Safari."""

    def __init__(self, driver: webdriver.WebKitGTK) -> None:
        self._driver = driver

    def open(self, url: str) -> None:
        self._driver.get(url)

    def run(self, expression: str) -> Any:
        return self._driver.execute_async_script(
            f"Promise.resolve({expression}).then(arguments[arguments.length - 1])"
        )


class Firefox:
    """Firefox by WebDriver BiDi, which it speaks without a driver beside it."""

    def __init__(self, address: str) -> None:
        self._socket = create_connection(
            f"{address}/session", timeout=PATIENCE_S, suppress_origin=True
        )
        self._sent = 0
        self._call("session.new", capabilities={})
        (tree, *_) = self._call("browsingContext.getTree")["contexts"]
        self._context = tree["context"]
        size = {"width": 1280, "height": 800}
        self._call("browsingContext.setViewport", context=self._context, viewport=size)

    def _call(self, method: str, **params: Any) -> Any:
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._sent:
                assert answer["type"] == "success", answer
                return answer["result"]

    def open(self, url: str) -> None:
        self._call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def run(self, expression: str) -> Any:
        answer = self._call(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then(JSON.stringify)",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"].get("value", "null"))


@contextmanager
def webkit() -> Iterator[Engine]:
    driver, display = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
    found = [*map(str, Path("/").glob(MINI_BROWSER[1][1:])), shutil.which(MINI_BROWSER[0])]
    binary = next(filter(None, found), None)
    if not (driver and display and binary):
        pytest.skip("no WebKitWebDriver, MiniBrowser and Xvfb: apt install webkit2gtk-driver xvfb")
    read, write = os.pipe()
    arguments = ["-displayfd", str(write), "-screen", "0", DISPLAY_PX, "-nolisten", "tcp"]
    with subprocess.Popen([display, *arguments], pass_fds=[write], stderr=subprocess.DEVNULL) as x:
        try:
            os.close(write)
            number = os.fdopen(read).readline().strip()
            options = Options()
            options.binary_location = binary
            options.add_argument("--automation")
            settings = {"DISPLAY": f":{number}", "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}
            service = Service(driver, env={**os.environ, **settings})
            browser = webdriver.WebKitGTK(options=options, service=service)
            try:
                browser.set_window_size(1280, 860)
                browser.set_script_timeout(PATIENCE_S)
                yield WebKit(browser)
            finally:
                browser.quit()  # type: ignore[no-untyped-call]
        finally:
            x.terminate()


@contextmanager
def firefox() -> Iterator[Engine]:
    binary = shutil.which("firefox-esr") or shutil.which("firefox")
    if not binary:
        pytest.skip("no Firefox: apt install firefox-esr")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [binary, "--headless", "--remote-debugging-port", "0", "--profile", profile]
        process = subprocess.Popen(
            [*command, "--no-remote", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "HOME": profile, "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
        )  # fmt: skip
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if address := re.search(r"WebDriver BiDi listening on (ws://\S+)", line):
                    yield Firefox(address[1])
                    break
            else:
                raise AssertionError("Firefox has ended")
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)


ENGINES = {"webkit": webkit, "firefox": firefox}
