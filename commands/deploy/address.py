"""The address of a repository may hold a password. Pure.

A password in an address would be in the arguments of git, which every user of a server can read
(proc(5), /proc/PID/cmdline). So the two are kept apart: git asks for the password when it needs it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

TOKEN_LENGTH = 16
"""A user name in an address that is as long as this is taken for a token."""

_URL = re.compile(
    r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>.*)$", re.S
)
_HELPER = """!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$BATON_GIT_USER" \
"$BATON_GIT_PASSWORD"; }; f"""
"""A credential helper (gitcredentials(7)): a function of the shell that git starts for it, so that
what it prints is in nobody's arguments."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address says where a repository is.

    `url` may be seen by everybody; `user` and `password` are decoded, and empty if the address
    holds no password or token.
    """

    url: str
    user: str = ""
    password: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must not be shown, as it is and as it is written in addresses and headers."""
        secret = self.password or self.user
        if not secret:
            return ()
        basic = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return tuple(dict.fromkeys((secret, quote(secret, safe=""), quote(secret), basic)))

    def variables(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the environment by which git, and git-lfs, know user and password for this server
        alone.

        Settings that `given` holds in the same way stay (git-config(1), GIT_CONFIG_COUNT).
        """
        found = _URL.match(self.url)
        if not self.secrets or found is None:
            return {}
        # not by the path nor by the user: git-lfs asks without them
        server = found["authority"].rpartition("@")[2]
        scope = f"credential.{found['scheme']}://{server}.helper"
        count = given.get("GIT_CONFIG_COUNT", "")
        first = int(count) if count.isascii() and count.isdigit() else 0
        # the empty one first: no other helper is asked, and none is told to keep the password
        pairs = [(scope, ""), (scope, _HELPER)]
        variables = {"BATON_GIT_USER": self.user, "BATON_GIT_PASSWORD": self.password}
        for number, (key, value) in enumerate(pairs, first):
            variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return {**variables, "GIT_CONFIG_COUNT": str(first + len(pairs))}


def address(repository: str) -> Address:
    """Return `repository` as an address.

    Raises ValueError, without repeating any of it, if it holds a password that cannot be told from
    the rest.
    """
    found = _URL.match(repository)
    if found is None:
        return Address(repository)  # a path, or HOST:PATH of ssh, which takes no password
    login, at, host = found["authority"].rpartition("@")
    if "@" in login:
        raise ValueError("an address whose password has %40 for each @ in it")
    port = host.rpartition(":")[2] if ":" in host and not host.endswith("]") else ""
    if not at and port and not port.isdigit() and "@" in found["rest"]:
        raise ValueError("an address whose password has %2F for /, %3F for ? and %23 for #")
    user, colon, password = login.partition(":")
    user, password = unquote(user), unquote(password)
    if any(ord(character) < 32 or ord(character) == 127 for character in user + password):
        raise ValueError("an address whose user and password are in one line")
    if not password and len(user) < TOKEN_LENGTH:
        return Address(repository)
    kept = f"{quote(user)}@" if password and user else ""
    if colon and not user:
        kept = ""
    return Address(f"{found['scheme']}://{kept}{host}{found['rest']}", user, password)
