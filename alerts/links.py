"""Links that others send along with an alert, such as to its graph or to a runbook. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from baton.text.printable import printable

MAX_ADDRESS = 1500
"""Characters of an address. A longer one is left out: cut, it would lead elsewhere."""
MAX_LINKS = 5
_SAFE = ":/?#[]@!$&'()*+,;=%-._~"

Link = tuple[str, str]
"""What it leads to, in a word or two, and the address."""


def usable_links(named: Iterable[tuple[str, str]]) -> tuple[Link, ...]:
    """Those of `named` that can be followed, each address once."""
    found: dict[str, str] = {}
    for name, given in named:
        address = _address(given)
        if address and len(found) < MAX_LINKS:
            found.setdefault(address, name)
    return tuple((name, address) for address, name in found.items())


def _address(given: str) -> str:
    """`given` as it may stand in any post; empty if it is no address of http or https."""
    given = given.strip()
    if not given or printable(given) != given or " " in given:
        return ""
    address = quote(given, safe=_SAFE)
    if len(address) > MAX_ADDRESS:
        return ""
    try:
        parts = urlsplit(address)
        return address if parts.scheme in ("http", "https") and parts.hostname else ""
    except ValueError:
        return ""
