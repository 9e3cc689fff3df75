"""Ids are found by their first letters, as people type them."""

from __future__ import annotations

import pytest

from bot.store.database.prefixes import prefix_of


@pytest.mark.parametrize(
    ("typed", "prefix"),
    [
        ("7k2m", "7k2m"),
        (" #7K2MA ", "7k2ma"),
        ("7k2", ""),
        ("", ""),
        ("7k2%", ""),
        ("7k2é", ""),
    ],
)
def test_what_was_typed_is_the_begin_of_an_id_or_nothing(typed: str, prefix: str) -> None:
    """Nothing is looked up for what is too short, or in what no id consists of."""
    assert prefix_of(typed) == prefix
