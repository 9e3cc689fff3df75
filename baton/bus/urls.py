"""URLs of the message bus: split, checked, and shown without their secrets. Pure.

An invalid URL is never shown, not even in part: any part of it may be the password.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

from yarl import URL

from baton.text.words import nearest

EXAMPLE = "amqp://USER:PASSWORD@HOST/VHOST"
ESCAPES = "In a password write `/` as %2F, `?` as %3F, `#` as %23, `@` as %40 and a space as %20"

OPTIONS = (
    "auth",
    "cadata",
    "cafile",
    "capath",
    "certfile",
    "heartbeat",
    "keyfile",
    "name",
    "no_verify_ssl",
    "timeout",
)
"""The options that may follow a `?`: all that the client library knows."""

_NEXT = re.compile(r"(?<![,\s])[,\s]+(?=(?:amqps?|memory)://)", re.IGNORECASE)
_UNREADABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")


def split_urls(text: str) -> list[str]:
    """Return the URLs in `text`, which are separated by commas or blanks.

    A comma that no URL follows belongs to the URL before it, as in a password.
    """
    return [url for url in _NEXT.split(text.strip(", \t\r\n")) if url]


def check_urls(urls: Sequence[str]) -> None:
    """Raise ValueError, with what is expected, unless these are one or several URLs of RabbitMQ, or
    one of a bus in memory. The error shows nothing of a URL but its scheme."""
    schemes = {_scheme(url) for url in urls}
    if not urls or not schemes <= {"amqp", "amqps", "memory"}:
        other = sorted(scheme for scheme in schemes if scheme and scheme not in ("amqp", "amqps"))
        found = f", not {other[0]}://" if other else ""
        raise ValueError(f"amqp://, amqps:// (one or several) or memory://NAME{found}")
    if "memory" in schemes:
        if len(urls) > 1:
            raise ValueError("amqp://, amqps:// (one or several) or memory://NAME alone")
        return
    for url in urls:
        _check_amqp(url)


def redacted(url: str) -> str:
    """Return `url` without password and options, for logs and errors."""
    try:
        parts = _parts(url)
    except ValueError:
        return f"{_scheme(url) or 'amqp'}://(this URL cannot be read)"
    user, at, address = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, user.partition(":")[0] + at + address, parts.path, "", ""))


def user_of(url: str) -> str:
    """Return the user that `url` logs in as."""
    return unquote(urlsplit(url).username or "guest")


def vhost_of(url: str) -> str:
    """Return the virtual host of `url`."""
    return unquote(urlsplit(url).path[1:]) or "/"


def option_of(url: str, name: str) -> str | None:
    """Return the value of an option of `url`; None if it is not given."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)).get(name)


def _scheme(url: str) -> str:
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", url)
    return found[1].lower() if found else ""


def _check_amqp(url: str) -> None:
    parts = _parts(url)
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in OPTIONS:
            near = nearest(name, OPTIONS)
            hint = f"; did you mean {near}?" if near else ""
            raise ValueError(f"{EXAMPLE} with options of {', '.join(OPTIONS)} only{hint}")
        if name == "no_verify_ssl" and value not in ("0", "1"):
            raise ValueError(f"{EXAMPLE}; no_verify_ssl is 0 or 1")
        if name in ("heartbeat", "timeout") and not re.fullmatch(r"[0-9]{1,4}", value):
            raise ValueError(f"{EXAMPLE}; {name} is a whole number of seconds")


def _parts(url: str) -> SplitResult:
    """Split `url`. Raises ValueError if it may mean something else than it seems to."""
    if _UNREADABLE.search(url):
        raise ValueError(f"{EXAMPLE} without blanks and control characters. {ESCAPES}")
    try:
        parts = urlsplit(url)
        port = parts.port
        URL(url)
    except ValueError:
        raise ValueError(f"{EXAMPLE}, a port being a number. {ESCAPES}") from None
    # `u:pa/ss@h` reads as the host `u`: what should have been the password would be shown
    if "@" in parts.path + parts.query + parts.fragment or "#" in url:
        raise ValueError(f"{EXAMPLE}. {ESCAPES}, and `@` in a virtual host as %40")
    if not parts.hostname or port == 0:
        raise ValueError(f"{EXAMPLE}: it names no host, or port 0")
    return parts
