"""Which browser the page is driven in, and the two windows it is looked at in."""

from __future__ import annotations

import shutil
from typing import Any

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}
NO_CHROMIUM = f"none of {', '.join(CHROMIUMS)} is on PATH"


def chromium() -> str | None:
    """Path of the Chromium that PATH has, None without one."""
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)
