"""Where people open the console. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches `host`, a name or an address."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class ConsoleAddress:
    """The address of the console: `url` without a slash at its end, empty if it is not known. In
    the demo nobody has to sign in."""

    url: str
    sign_in: bool = True

    def page_of(self, job: str) -> str:
        """Return the address of the page of `job`; empty if that of the console is not known."""
        return f"{self.url}/jobs/{job}" if self.url else ""

    @property
    def local(self) -> bool:
        """Whether it can be opened only on the machine that the bot runs on."""
        return is_loopback(urlsplit(self.url).hostname or "")
