"""Which distribution this is, and its version."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "baton-chatops"
"""The name under which Baton is installed."""


@cache
def baton_version() -> str:
    """The installed version of Baton."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"
