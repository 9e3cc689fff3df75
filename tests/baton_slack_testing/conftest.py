"""A server with somebody in it, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from baton_slack_testing import (
    Manifest,
    SlackServer,
)

from .clients import client_of, quick


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer(manifest=Manifest(), socket=quick()) as server:
        server.person("U_ANN", name="ann", tz="Europe/Berlin")
        yield server


@pytest.fixture
def client(slack: SlackServer) -> AsyncWebClient:
    return client_of(slack)
