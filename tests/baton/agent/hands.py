"""A clock that a test sets."""

from __future__ import annotations


class Hands:
    """A clock that is moved by hand, in seconds."""

    at = 0.0

    def __call__(self) -> float:
        return self.at
