"""The check of the console's address: whether people can open it, and over what."""

from __future__ import annotations

from bot.dispatch.console_address import ConsoleAddress
from bot.doctor.check_result import CheckResult, note, ok, warn
from bot.settings import WebTable

_URL = "set url under [web] to the address that people open, such as https://baton.example.com"


def console(web: WebTable) -> list[CheckResult]:
    """Check whether people can open the console that `web` describes, if there is one."""
    if not (web.enabled and web.console):
        return []
    url = web.console_url(f"http://{web.address}:{web.port}")
    if not url:
        text = f"it listens on {web.address}, and no url is set: nobody can sign in"
        return [warn("console", text, f"{_URL}, or console = false.")]
    if ConsoleAddress(url).local:
        return [note("console", f"{url} opens only on this machine", f"{_URL}.")]
    if url.startswith("http://"):
        text = f"{url} is not encrypted: who can read the network can take over a session"
        fix = "put a proxy with TLS in front, and set url to its https address, or use a VPN."
        return [warn("console", text, fix)]
    how = " or with Slack" if web.slack_openid else ""
    return [ok("console", f"people sign in by /baton console{how}, and open {url}")]
