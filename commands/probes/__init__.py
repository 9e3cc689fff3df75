"""Probes check whether things are healthy, from an agent or from the bot. People do not request one
in chat: alerts.toml names them.

    network    an address over HTTP(S) or TCP
    resolving  names -> addresses
    programs   a check program that the agent's settings name
    prober     what an agent can check
"""

from commands.probes.network import NetworkProbe
from commands.probes.prober import LocalProber, unknown_check

__all__ = ["LocalProber", "NetworkProbe", "unknown_check"]
