"""Anomalies of servers, as findings for people: two agents of one name, clocks that
disagree, a server that says it has moved. Pure."""

from __future__ import annotations

from alerts import Severity
from baton.outcome import duration
from bot.findings import Finding

MAX_SKEW = 30.0
"""Seconds by which a clock may be off before people are notified."""
SHOWN_FOR = 900.0
"""Seconds for which an anomaly is shown after it was last noticed."""
MIN_CLOCKS = 3
"""With fewer servers than this it cannot be known whose clock is off."""


def skew_text(skew: float) -> str:
    """Write a skew in seconds for people: `5 min 2 s ahead`."""
    return f"{duration(abs(skew))} {'ahead' if skew > 0 else 'behind'}"


def _against(skew: float) -> str:
    return f"{skew_text(skew)} of" if skew > 0 else skew_text(skew)


def duplicate_agents(host: str, environment: str) -> Finding:
    """Report that two agents use the name `host`."""
    text = (
        f"Two agents use the name {host}. Requests go to only one of them, which may not be the "
        "server that you mean. Stop one, or give it another name (`fqdn` under [server] of its "
        "agent.toml, or BATON_FQDN)."
    )
    return Finding("twins", text, {"host": host, "env": environment}, Severity.CRITICAL, SHOWN_FOR)


def clock_skew(host: str, environment: str, skew: float) -> Finding:
    """Report that the clock of a server is off by `skew` seconds."""
    text = (
        f"The clock of {host} is {_against(skew)} this bot's. Times in its logs are wrong; "
        "synchronize it with NTP (`timedatectl`)."
    )
    return Finding("clock", text, {"host": host, "env": environment}, lasts=SHOWN_FOR)


def own_clock_skew(skews: list[float]) -> Finding | None:
    """Report that the clock of this bot is off, if those of most servers differ from it."""
    wrong = [skew for skew in skews if abs(skew) > MAX_SKEW]
    if len(skews) < MIN_CLOCKS or 2 * len(wrong) <= len(skews):
        return None
    middle = sorted(wrong)[len(wrong) // 2]
    text = (
        f"The clock of this bot is {_against(-middle)} those of {len(wrong)} of {len(skews)} "
        "servers: it is probably wrong. Synchronize it with NTP (`timedatectl`)."
    )
    return Finding("clock", text, {"host": "the bot"}, lasts=SHOWN_FOR)


def environment_change(host: str, old: str, new: str, *, believed: bool) -> Finding:
    """Report that a server says it is in another environment than before."""
    if believed:
        text = (
            f"{host} has moved from {old} to {new}, as its agent reports with its own account. The "
            f"rules for {new} apply to it from now on."
        )
    else:
        text = (
            f"{host} is in {old}, and something that uses its name reports that it is in {new}. "
            f"Baton ignores this report. If you moved the server, run `/baton forget {host}`; if "
            "not, find out who sends this."
        )
    severity = Severity.WARNING if believed else Severity.CRITICAL
    return Finding("moved", text, {"host": host, "env": old}, severity, SHOWN_FOR)
