"""A health check asks whether an app is healthy, until it is or until its time is up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from commands.deploy.settings import HealthSettings, Limit, filled
from commands.deploy.steps import Steps

STEP = "health"
ATTEMPT = 10.0
"""Seconds that one answer may take."""
BODY_LIMIT = 1_000_000
"""Bytes of an answer that are looked at."""

Probe = Callable[[], Awaitable[str]]
"""What is wrong; empty if nothing is."""


async def problem(health: HealthSettings, steps: Steps, cwd: Path) -> str:
    """Return what is still wrong with the app when its time is up; empty as soon as it is
    healthy."""
    values = steps.values
    limit = Limit(health.timeout, "timeout of health")

    async def by_command() -> str:
        assert health.command is not None
        ended = await steps.ended(STEP, health.command, cwd, limit)
        return "" if ended.well else f"health check failed: {ended}"

    async def by_url() -> str:
        return await answer_problem(health, values)

    found = await persistent(
        by_command if health.command else by_url,
        timeout=health.timeout,
        interval=health.interval,
        changed=lambda text: steps.say(STEP, text),
    )
    return steps.secrets.mask(found)


async def persistent(
    probe: Probe, *, timeout: float, interval: float, changed: Callable[[str], None]
) -> str:
    """Ask `probe` every `interval` seconds until nothing is wrong, for `timeout` seconds at most.

    Returns what is wrong at the end; `changed` is called whenever it is something new.
    """
    deadline = time.monotonic() + timeout
    told = ""
    while found := await probe():
        if found != told:
            changed(found)
            told = found
        left = deadline - time.monotonic()
        if left <= 0:
            break
        await asyncio.sleep(min(interval, left))
    return found


async def answer_problem(health: HealthSettings, values: Mapping[str, str]) -> str:
    """Return what is wrong with the response of the app's address, asked once."""
    import httpx  # here, because an agent without such a check need not hold it in memory

    assert health.url is not None
    within = min(ATTEMPT, health.timeout)
    try:
        async with (
            asyncio.timeout(within),
            httpx.AsyncClient(
                trust_env=False, verify=health.url.startswith("https:"), timeout=within
            ) as client,
            client.stream("GET", filled(health.url, values)) as response,
        ):
            if response.status_code != health.status:
                return f"health check answered {response.status_code}, not {health.status}"
            body = b""
            async for part in response.aiter_bytes():
                body += part
                if len(body) > BODY_LIMIT:
                    break
    except TimeoutError:
        return f"health check did not answer within {within:g} s"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"health check could not be made: {str(error) or type(error).__name__}"
    wanted = filled(health.contains, values)
    if wanted.encode() not in body:
        return f"health check answered {health.status}, without “{wanted}” in it"
    return ""
