"""The sign-in page, in the language that the browser asks for; no script, no inline style."""

from __future__ import annotations

import html
import re
import string
from pathlib import Path

HERE = Path(__file__).parent
ACCEPTED = 20  # languages of one browser that are looked at
LANGUAGE = re.compile(
    r"\s*([A-Za-z]{2})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?)\s*)?"
)

# The page's own languages (static/messages), the first where a browser asks for none of them.
TEXTS = {
    "en": {
        "title": "Passcode · Lookalike",
        "passcode": "Passcode",
        "enter": "Show the photos",
        "": "",
        "busy": "Busy. Try again.",
        "wrong": "Wrong passcode.",
        "too_many": "Too many wrong passcodes. Try again in {minutes} min.",
    },
    "de": {
        "title": "Zugangscode · Lookalike",
        "passcode": "Zugangscode",
        "enter": "Fotos zeigen",
        "": "",
        "busy": "Gerade beschäftigt. Bitte noch einmal versuchen.",
        "wrong": "Falscher Zugangscode.",
        "too_many": "Zu viele falsche Zugangscodes. Nächster Versuch in {minutes} min.",
    },
}


class LoginPage:
    """The form, with a message."""

    def __init__(self) -> None:
        self._page = string.Template((HERE / "login.html").read_text("utf-8"))
        self.style = (HERE / "login.css").read_bytes()

    def show(
        self, action: str, wanted: str, accepted: str, message: str = "", minutes: int = 0
    ) -> bytes:
        """wanted: where to go afterwards. accepted: the header Accept-Language. message: a key of
        TEXTS."""
        language = language_of(accepted)
        texts = TEXTS[language]
        page = self._page.substitute(
            action=html.escape(action),
            language=language,
            message=html.escape(texts[message].format(minutes=minutes)),
            next=html.escape(wanted),
            **{name: html.escape(texts[name]) for name in ("title", "passcode", "enter")},
        )
        return page.encode()


def language_of(accepted: str) -> str:
    """The one of our languages that an Accept-Language header prefers (RFC 9110, 12.5.4)."""
    found = []
    for place, part in enumerate(accepted.split(",")[:ACCEPTED]):
        match = LANGUAGE.fullmatch(part)
        if match and match[1].lower() in TEXTS and (weight := float(match[2] or 1)):
            found.append((-weight, place, match[1].lower()))
    return min(found)[2] if found else next(iter(TEXTS))
