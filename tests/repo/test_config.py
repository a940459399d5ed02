"""config: limits can be changed by name, and only to something sensible."""

from __future__ import annotations

import pytest

from edge_app.config import Limits, changes_of, limits_from
from edge_app.errors import UsageError


def test_limits_are_changed_by_name() -> None:
    limits = limits_from(["decode_pixels=5", "decode_s=2.5"])
    assert (limits.decode_pixels, limits.decode_s) == (5, 2.5)
    assert limits.batch_images == Limits().batch_images


def test_changes_round_trip() -> None:
    limits = limits_from(["decode_pixels=5", "decode_s=2.5"])
    assert limits_from(changes_of(limits)) == limits
    assert changes_of(Limits()) == []


@pytest.mark.parametrize(
    "change",
    ["nothing=1", "decode_pixels", "decode_pixels=many", "decode_pixels=1.5", "decode_pixels=0",
     "decode_s=nan", "decode_s=-1", "decode_s=inf"],
)  # fmt: skip
def test_what_is_no_limit_is_refused_by_name(change: str) -> None:
    with pytest.raises(UsageError, match=f"--limit {change}"):
        limits_from([change])
