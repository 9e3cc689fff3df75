"""Address patterns say what an agent lets probes reach: patterns of URLs and of HOST:PORT. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

_PATTERN = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._*-]+)"
    r"(?::(?P<port>[0-9]{1,5}|\*))?(?P<path>/\S*)?"
)
_PORTS = {"http": "80", "https": "443"}
MUST = (
    'a pattern such as "https://*.example.com", "http://localhost:8080/health" or "db-1:5432":'
    " * stands for anything within the host, the port or the path"
)


@dataclass(frozen=True, slots=True)
class AddressPattern:
    """An address pattern matches addresses that probes may reach.

    It matches those over HTTP with the same `scheme`, or over plain TCP if that is empty. Without a
    `path` every path is allowed; with one, the path and the query must match it.
    """

    scheme: str
    host: str
    port: str
    path: str

    @classmethod
    def parse(cls, text: str) -> AddressPattern:
        """Return the pattern that `text` is. Raises ValueError that says what it must be."""
        found = _PATTERN.fullmatch(text)
        scheme = (found["scheme"] or "") if found else ""
        port = (found["port"] or _PORTS.get(scheme, "")) if found else ""
        if found is None or not port or (found["path"] and not scheme):
            raise ValueError(MUST)
        if port != "*" and not 0 < int(port) < 65_536:
            raise ValueError(MUST)
        return cls(scheme, found["host"].strip("[]").lower(), port, found["path"] or "")

    def allows_url(self, scheme: str, host: str, port: int | None, target: str) -> bool:
        """Return whether a URL is allowed: `target` is its path and its query, as they are sent."""
        at = str(port or _PORTS.get(scheme, ""))
        if not self.scheme or scheme != self.scheme or not self._at(host, at):
            return False
        return not self.path or (not _climbs(target) and matches(self.path, target))

    def allows_tcp(self, host: str, port: int) -> bool:
        """Return whether a connection to that port is allowed."""
        return not self.scheme and self._at(host, str(port))

    def _at(self, host: str, port: str) -> bool:
        return matches(self.host, host.strip("[]").lower()) and self.port in ("*", port)


def matches(pattern: str, text: str) -> bool:
    """Return whether `text` matches `pattern`, in which `*` stands for any characters.

    It takes time in proportion to the text, whatever the pattern.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _climbs(target: str) -> bool:
    """Return whether a server may take the path for another one: `/static/%2e%2e/admin`."""
    path = unquote(target.partition("?")[0]).replace("\\", "/")
    return any(part in (".", "..") for part in path.split("/"))
