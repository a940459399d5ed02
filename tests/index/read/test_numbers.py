"""Columns come as arrays, in the order asked for, and damage is told."""

from __future__ import annotations

import sqlite3
import warnings

import pytest

from edge_app.index.format.catalog import Catalog
from edge_app.index.format.schema import LARGEST
from edge_app.index.read.numbers import read_numbers


@pytest.fixture
def catalog() -> Catalog:
    catalog = Catalog(sqlite3.connect(":memory:"))
    catalog.connection.execute("CREATE TABLE numbers (one, two)")
    rows = [(3, -LARGEST - 1), (1, LARGEST), (2, 0)]
    catalog.connection.executemany("INSERT INTO numbers VALUES (?, ?)", rows)
    return catalog


def test_every_integer_comes_as_it_is_in_the_order_of_the_statement(catalog: Catalog) -> None:
    sql = "SELECT two, one FROM numbers WHERE one > ? ORDER BY one DESC"
    assert read_numbers(catalog, ("one", "two"), sql, (0,)).tolist() == [
        [3, 2, 1],
        [-LARGEST - 1, 0, LARGEST],
    ]
    sql += " LIMIT 1 OFFSET 1"
    assert read_numbers(catalog, ("one", "two"), sql, (0,)).tolist() == [[2], [0]]


def test_nothing_is_two_empty_columns(catalog: Catalog) -> None:
    found = read_numbers(catalog, ("one", "two"), "SELECT * FROM numbers WHERE one > 3", ())
    assert found.shape == (2, 0)


@pytest.mark.parametrize("damage", [None, "x", "1x", 1.5, "1,1", "1-2", "-", "1,", b"\xff", ""])
def test_what_is_no_integer_is_damage(catalog: Catalog, damage: object) -> None:
    catalog.connection.execute("INSERT INTO numbers VALUES (4, ?)", (damage,))
    with warnings.catch_warnings(), pytest.raises(sqlite3.Error):
        warnings.simplefilter("error")
        read_numbers(catalog, ("one", "two"), "SELECT * FROM numbers", ())


def test_a_text_of_two_numbers_does_not_stand_in_for_a_missing_one(catalog: Catalog) -> None:
    catalog.connection.execute("INSERT INTO numbers VALUES (4, '1,1'), (5, NULL)")
    with pytest.raises(sqlite3.DatabaseError):
        read_numbers(catalog, ("one", "two"), "SELECT * FROM numbers", ())
