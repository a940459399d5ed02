"""Columns of the catalogue as arrays, in half the time that a Python integer for each takes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_app.index.format.catalog import Catalog


def read_numbers(
    catalog: Catalog, columns: Sequence[str], sql: str, values: Sequence[Any]
) -> NDArray[np.int64]:
    """(columns, n) int64: what a SELECT of columns with these names finds, in its order.
    sqlite3.DatabaseError if something there is no integer.

    SQLite joins each column to one text, and NumPy reads that: 0.55 s for five of 1,000,000 rows in
    place of 0.95. A text of SQLite's ends at 1,000,000,000 bytes: ask for 10 million rows at most.
    """
    joined = ", ".join(f"count({column}), group_concat({column})" for column in columns)
    count, *texts = catalog.connection.execute(
        f"SELECT count(*), {joined} FROM ({sql})", values
    ).fetchone()
    found = np.empty((len(columns), count), np.int64)
    # A text of two numbers beside a NULL would be as many numbers as there are records.
    for column, some, text in zip(found, texts[::2], texts[1::2], strict=True):
        numbers = _integers(text, count) if some == count else None
        if numbers is None:
            raise sqlite3.DatabaseError("a record has text where a number belongs")
        column[:] = numbers
    return found


def _integers(text: str | None, count: int) -> NDArray[np.int64] | None:
    """So many integers with commas between them; None if the text is something else."""
    if text is None or count == 0:
        return np.zeros(0, np.int64) if text is None and count == 0 else None
    # NumPy would only warn. Each sign begins a number, and each number has a digit.
    if text.encode().translate(None, b"0123456789-,"):
        return None
    listed = f",{text},"
    if listed.count("-") != listed.count(",-") or ",," in listed or "-," in listed:
        return None
    # NumPy ends at what is no integer, and one more behind it shows that it did not. Versions to
    # come will raise.
    with suppress(ValueError):
        numbers = np.fromstring(f"{text},0", np.int64, sep=",")
        if len(numbers) == count + 1:
            return numbers[:-1]
    return None
