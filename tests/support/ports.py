"""Free ports on loopback for servers that are stopped and started again."""

from __future__ import annotations

import random
import socket

# Below what Linux and macOS hand out to outgoing connections: there, a client that retries while
# its server is away can be given the server's port as its own and so connect to itself.
_RANGE = range(20000, 32000)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    for port in random.SystemRandom().sample(_RANGE, 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port on 127.0.0.1")


def listening(port: int) -> bool:
    """Does somebody accept connections there?"""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
