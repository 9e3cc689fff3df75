"""Names whose answer does not come."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest
import respx

from baton.agent.probing import ProbeResult
from baton.bus.messages import Look
from commands.probes import NetworkProbe
from commands.probes.resolving import NameResolver
from tests.support.wait import until


class Hanging:
    """Looks names up as a resolver does that is dead for all but localhost."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.over = threading.Event()
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)

    def look_up(self, host: Any, *given: Any, **named: Any) -> Any:
        self.asked.append(host)
        if host != "localhost":
            self.over.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure")
        return self._real(host, *given, **named)


async def test_a_dead_resolver_calls_nobody_else_down(
    respx_mock: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many names hang: another name is looked up beside them, and a name that hangs is
    asked for once."""
    respx_mock.get("http://localhost/").respond(200)
    hanging = Hanging(monkeypatch)
    probe = NetworkProbe(NameResolver())
    urls = [f"http://shop-{number}.example.com/" for number in range(40)]
    hang = [asyncio.create_task(probe.wrong(Look(url=url, timeout=60))) for url in urls * 2]
    await until(lambda: len(hanging.asked) == 40)
    well = await probe.wrong(Look(url="http://localhost/", timeout=30))
    assert well == ""
    for task in hang:
        task.cancel()
    late = await probe.wrong(Look(url=urls[0], timeout=0.1))
    assert late == "the name shop-0.example.com was not resolved within 0.1 s"
    assert len(hanging.asked) == 41
    hanging.over.set()


async def test_what_waits_for_a_thread_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """When more names hang than are looked up at a time, nothing is said of the others; it is tried
    again once there is room."""
    hanging = Hanging(monkeypatch)
    probe = NetworkProbe(NameResolver(most=1))
    first = asyncio.create_task(probe.look(Look(tcp="a.example.com:1", timeout=60)))
    await until(lambda: hanging.asked)
    assert await probe.look(Look(tcp="b.example.com:1")) is None
    hanging.over.set()
    assert await first == ProbeResult(
        True, "the name a.example.com cannot be resolved: Temporary failure"
    )
    assert await probe.look(Look(tcp="b.example.com:1")) is not None
