"""Probes: looking at whether things are well, from an agent or from the bot. Nobody asks for one
in chat: alerts.toml does.

    reaching  an address over HTTP(S) or TCP
    resolving names -> addresses
    checks    a program that the agent's settings name
    looking   what an agent can look at
"""

from commands.probes.network import NetworkProbe
from commands.probes.prober import LocalProber, unknown_check

__all__ = ["LocalProber", "NetworkProbe", "unknown_check"]
