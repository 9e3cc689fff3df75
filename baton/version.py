"""Baton has a distribution name and a version."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "baton-chatops"
"""The name under which Baton is installed."""


@cache
def baton_version() -> str:
    """Return the installed version of Baton."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"
