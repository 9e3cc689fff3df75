"""Looking as an agent does that allows everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from baton.agent.probing import ProbeResult
from baton.agent.settings import CheckTable
from baton.bus.messages import Look
from commands.probes import LocalProber

URL = "http://127.0.0.1/health"
"""Answered by respx. An address, not a name: names are looked up for it too."""
ANYWHERE = ("http://*:*", "https://*:*", "*:*")


async def looked(
    checks: dict[str, CheckTable] | None = None, allow: Sequence[str] = ANYWHERE, **look: Any
) -> ProbeResult:
    looking = LocalProber(checks or {}, allow)
    try:
        there = await looking.probe(Look(**look))
    finally:
        await looking.close()
    assert there is not None
    return there


async def wrong(**look: Any) -> str:
    there = await looked(**look)
    assert there.bad is bool(there.text)
    return there.text
