"""The Slack server of the tests as a process, with people who type: python -m bench.workspace.

Prints what a bot needs in its environment as JSON, then `connected` once one is. For each line of
JSON (a Drive) that it reads it has people type, and prints what they saw (a Seen).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, field
from typing import Any

from baton_slack_testing import Reply, SlackServer
from bench.harness import quiet
from tests.support.wait import until

CHANNELS = 400
"""In turn, so that Slack's one post a second for each channel is not what is measured."""
PEOPLE = 200
"""In turn, so that nobody asks more than one person may."""


@dataclass(frozen=True)
class Drive:
    """Type `line` so often, so many at a time. `pause`: wait for the post of each, too, and then
    so many seconds, so that nothing is under way when the next is typed. `form`: it opens a form,
    of which the time is taken, and once more by the button under the help of the command."""

    line: str
    count: int
    in_flight: int
    pause: float | None = None
    form: bool = False


@dataclass
class Seen:
    """Seconds until each was acknowledged, until each was posted, and until all were
    acknowledged, then posted; from what a person did until Slack was asked for its form; `errors`
    is what people were told instead."""

    acks: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    typed_forms: list[float] = field(default_factory=list)
    clicked_forms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    acked: float = 0.0
    posted: float = 0.0


class Typing:
    """People in the channels of one workspace."""

    def __init__(self, slack: SlackServer) -> None:
        self._slack = slack
        self._typed = 0

    async def drive(self, drive: Drive) -> Seen:
        """Do it, and say what was seen."""
        seen, turns = Seen(), asyncio.Semaphore(drive.in_flight)
        before = self._slack.calls.counts["chat.postMessage"]
        begun = time.monotonic()

        async def one() -> None:
            async with turns:
                await (self._open(drive, seen) if drive.form else self._type(drive, seen))

        await asyncio.gather(*(one() for _ in range(drive.count)))
        seen.acked = time.monotonic() - begun
        if not seen.errors and not drive.form:
            counts = self._slack.calls.counts
            await until(lambda: counts["chat.postMessage"] - before >= drive.count, 120)
        seen.posted = time.monotonic() - begun
        return seen

    async def _open(self, drive: Drive, seen: Seen) -> None:
        """Type a command without its arguments, then ask for its help and press the button there:
        each opens its form."""
        self._typed += 1
        name, channel = f"person{self._typed % PEOPLE}", f"C_{self._typed % CHANNELS}"
        person = self._slack.person(f"U_{name.upper()}", name=name)
        reply, seconds = await self._opening(person.slash(drive.line, channel=channel))
        if seconds is None:
            seen.errors.append(reply.ephemeral or str(reply.error))
            return
        seen.typed_forms.append(seconds)
        help = await person.slash(f"/baton help {drive.line.lstrip('/')}", channel=channel)
        _, seconds = await self._opening(person.clicks(help.shown[0], "baton_form"))
        if seconds is None:
            seen.errors.append("the button opened no form")
            return
        seen.clicked_forms.append(seconds)

    async def _opening(self, act: Coroutine[Any, Any, Reply]) -> tuple[Reply, float | None]:
        """Do it, and return with the reply the seconds until Slack was asked for a form; None if
        it was not, within the 3 s of a trigger."""
        slack, before = self._slack, self._slack.opened
        begun = time.monotonic()

        async def open_at() -> float:
            await slack.until(lambda: slack.opened > before, 3)
            slack.views.clear()
            return time.monotonic() - begun

        watching = asyncio.create_task(open_at())
        reply = await act
        try:
            return reply, await watching
        except AssertionError:
            return reply, None

    async def _type(self, drive: Drive, seen: Seen) -> None:
        self._typed += 1
        channel = self._slack.channel(f"C_{self._typed % CHANNELS}")
        shown = len(channel.by_ts)
        begun = time.monotonic()
        name = f"person{self._typed % PEOPLE}"
        person = self._slack.person(f"U_{name.upper()}", name=name)
        reply = await person.slash(drive.line, channel=channel.id)
        if reply.error is not None or reply.acked_after is None:
            seen.errors.append(str(reply.error))
            return
        answer = reply.ephemeral
        if answer is not None and not answer.startswith("Started job"):
            seen.errors.append(answer)
            return
        seen.acks.append(reply.acked_after)
        if drive.pause is not None:
            await self._slack.until(lambda: len(channel.by_ts) > shown, 30)
            seen.posts.append(time.monotonic() - begun)
            await asyncio.sleep(drive.pause)


async def main() -> None:
    quiet()
    async with SlackServer(record=False) as slack:
        for number in range(CHANNELS):
            slack.add_channel(f"C_{number}", f"team-{number}")
        print(json.dumps(slack.env), flush=True)
        await slack.connected(timeout=60)
        print("connected", flush=True)
        typing = Typing(slack)
        while line := await asyncio.to_thread(sys.stdin.readline):
            seen = await typing.drive(Drive(**json.loads(line)))
            print(json.dumps(asdict(seen)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
