"""Links that senders give with an alert, such as to its graph or to a runbook. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from baton.text.printable import printable

MAX_ADDRESS = 1500
"""Characters of an address. A longer one is left out, because it would be wrong if it were cut."""
MAX_LINKS = 5
_SAFE = ":/?#[]@!$&'()*+,;=%-._~"

Link = tuple[str, str]
"""Where it leads, in a word or two, and the address."""


def usable_links(named: Iterable[tuple[str, str]]) -> tuple[Link, ...]:
    """Return the links that can be followed, each address once."""
    found: dict[str, str] = {}
    for name, given in named:
        address = _address(given)
        if address and len(found) < MAX_LINKS:
            found.setdefault(address, name)
    return tuple((name, address) for address, name in found.items())


def _address(given: str) -> str:
    """Return `given` in a form that is valid in any post; empty if it is not an address of http or
    https."""
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
