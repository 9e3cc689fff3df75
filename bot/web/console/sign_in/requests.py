"""What a request says about itself: whose secret it carries, whether another page sent it, where to
go next. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.requests import Request

SAFE_METHODS = ("GET", "HEAD")
MAX_NEXT = 2_000
"""Characters of an address to go on to."""
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def bearer_token(request: Request) -> str | None:
    """Return the token that a program sent; None if it sent none."""
    found = _BEARER.fullmatch(request.headers.get("authorization", ""))
    return found[1] if found else None


def from_another_page(request: Request, url: str) -> bool:
    """Return whether a page that is not ours may have sent `request`, with the cookies of whoever
    has that page open. Our pages are at `url`.

    Browsers say it in Sec-Fetch-Site, and where they do not (without https) in Origin. What says
    neither did not come from a page of ours.
    """
    if request.method in SAFE_METHODS:
        return False
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site != "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return True
    # a proxy in front may have put another host in place of the one that the browser named
    return origin != url and urlsplit(origin).netloc != request.headers.get("host", "")


def safe_next(address: str) -> str:
    """Return `address` if it leads to a page of ours, else the first page."""
    ours = address.startswith("/") and not address.startswith("//")
    if not ours or len(address) > MAX_NEXT or _UNSAFE.search(address):
        return "/"
    return address


def browser_of(request: Request) -> str:
    """Return which browser sent `request`, as people call it: `Firefox on Linux`."""
    agent = request.headers.get("user-agent", "")
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    return " on ".join(filter(None, (browser or "a browser", system)))
