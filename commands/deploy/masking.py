"""Masking says which values of an app's environment must not be shown. Pure.

All of them, unless the settings name them in `show`, or they are known to everybody: to mask
`production` or `8080` would hide the output and protect nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from urllib.parse import quote, unquote

from baton.process.secret_names import is_secret_name
from commands.deploy.address import address

_COMMON = re.compile(
    r"true|false|yes|no|on|off|none|null|enabled|disabled|auto|default|always|never|all"
    r"|production|prod|staging|stage|development|dev|testing|test|local|demo|sandbox|qa|ci|live"
    r"|trace|debug|verbose|info|notice|warn|warning|error|critical|fatal|quiet|silent"
    r"|localhost|utf-?8|posix|json|text|plain|logfmt|colou?r",
    re.IGNORECASE,
)
_PLAIN = re.compile(
    r"[+-]?\d{1,5}(\.\d{1,5})?"  # ports, counts, seconds
    r"|\d{1,9} ?(ms|s|m|h|d|[kKmMgGtT]i?[bB]?)"  # durations and sizes
    r"|v?\d{1,4}(\.\d{1,4}){1,3}(:\d{1,5}|/\d{1,2})?"  # versions and addresses
    r"|[a-z]{2,3}_[A-Z]{2}(\.[A-Za-z0-9-]{3,12})?|C\.[A-Za-z0-9-]{3,12}"  # locales
    r"|[A-Z][a-z]+/[A-Z][A-Za-z_-]{2,30}|Etc/[A-Z0-9+-]{2,8}"  # time zones
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s\"'<>]{1,2000}")


def secret_values(
    env: Mapping[str, str],
    *,
    secrets: Collection[str] = (),
    show: Collection[str] = (),
    known: Collection[str] = (),
    exists: Callable[[str], bool] = lambda path: False,
) -> list[str]:
    """Return the values of `env`, and passwords in addresses among them, that must be masked.

    `secrets` and `show` name variables that are masked, or shown, whatever they look like; what is
    `known` is shown anyway. `exists` says whether a path exists.
    """
    found: list[str] = []
    for name, value in env.items():
        found += passwords(value)
        if name in show:
            continue
        if name in secrets or is_secret_name(name) or not (value in known or _plain(value, exists)):
            found += [value, quote(value, safe="")]
    return list(dict.fromkeys(found))


def passwords(text: str) -> list[str]:
    """Return the passwords and tokens in the addresses that `text` holds."""
    found: list[str] = []
    for match in _URL.finditer(text):
        try:
            found += address(match[0]).secrets
        except ValueError:  # one that cannot be read: all that may be its password
            login = match[0].partition("://")[2].rpartition("@")[0]
            password = login.partition(":")[2] or login
            found += [password, unquote(password)]
    return found


def _plain(value: str, exists: Callable[[str], bool]) -> bool:
    return (
        _COMMON.fullmatch(value) is not None
        or _PLAIN.fullmatch(value) is not None
        or _is_path(value.split(":"), exists)
    )


def _is_path(parts: Iterable[str], exists: Callable[[str], bool]) -> bool:
    """Return whether all of `parts` are paths whose first folder exists, as in PATH."""
    tops = [part.split("/", 2) for part in parts]
    return all(len(top) > 1 and not top[0] and top[1] and exists(f"/{top[1]}") for top in tops)
