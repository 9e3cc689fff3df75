"""kill -9 of the bot, with a call to Slack as the clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web

from baton_slack_testing.args import Args
from baton_slack_testing.faults import Work, abort
from tests.stories.world import World


@dataclass(eq=False)
class Kill:
    """A fault: the bot is killed when the call arrives, before its effect or `after` it."""

    world: World
    after: bool
    died: asyncio.Event
    hits: int = 0

    async def around(self, request: web.BaseRequest, work: Work) -> web.Response:
        """Keeps Fault.around."""
        answer = work() if self.after else web.Response()
        self.hits += 1
        self.world.bots[-1].kill()
        self.died.set()
        abort(request)
        return answer


@contextlib.asynccontextmanager
async def killed_twice(
    world: World, method: str, when: Callable[[Args], bool]
) -> AsyncIterator[None]:
    """The bot dies when the call comes, and the next bot when it is made again and was done; each
    time another is started. Both must have happened in the end."""
    died = asyncio.Event()
    kills = [Kill(world, after, died) for after in (False, True)]
    for kill in kills:
        world.slack.faults.add(method, kill, when=when)

    async def raise_from_the_dead() -> None:
        while True:
            await died.wait()
            died.clear()
            world.bot()

    task = asyncio.create_task(raise_from_the_dead())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert [kill.hits for kill in kills] == [1, 1]
    assert len(world.bots) == 3
