"""An agent to be examined."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from baton.agent.service import Service
from baton.agent.settings import AgentSettings
from baton.extensions import installed
from bot.doctor import bus_checks


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bus that does not answer is not waited for."""
    monkeypatch.setattr(bus_checks, "CONNECT_TIMEOUT", 1.0)


@pytest.fixture
async def agent(amqp_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """An agent called web-1, at work on a real bus."""
    settings = AgentSettings.model_validate(
        {
            "bus": {"url": amqp_url},
            "server": {"environment": "prod", "fqdn": "web-1"},
            "agent": {"state": str(tmp_path / "state"), "drain": 0},
        }
    )
    (tmp_path / "state").mkdir()
    service = await Service.from_settings(settings, installed())
    task = asyncio.create_task(service.run())
    await service.channel.wait_up()
    yield service
    service.stop()
    await task
