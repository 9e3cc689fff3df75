"""Finds a row by the first letters of its id, as people type them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, and_

SHORTEST_PREFIX = 4
"""Characters that somebody must type at least."""


def prefix_of(typed: str) -> str:
    """What was `typed` as an id begins; empty if it is too short, or no id begins so."""
    prefix = typed.strip().lstrip("#").lower()
    usable = len(prefix) >= SHORTEST_PREFIX and prefix.isalnum() and prefix.isascii()
    return prefix if usable else ""


def begins_with(column: Column[Any], prefix: str) -> ColumnElement[bool]:
    """That the id in `column` begins with `prefix`, which is not empty."""
    # a span of the key's index, which LIKE is not in every locale
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return and_(column >= prefix, column < after)
