"""A team whose bot watches something that a test breaks and mends, told in two channels."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from baton_slack_testing import Message
from baton_slack_testing.args import Args
from tests.stories.ledger import Ledger
from tests.stories.world import CHANNEL, World, key_of
from tests.support.broker import Broker
from tests.support.ports import free_port

OTHER = "C_DEV"
CHANNELS = (CHANNEL, OTHER)
ON_CALL = "U0ONCALL"
ALERTS = """
channel = "C_OPS"
group_wait = "0.3s"
mention = "U0ONCALL"
board = ["C_OPS"]
thresholds = { down_after = 1, up_after = 1 }
flapping = { high = 100 }
blind = { after = "2s" }
[[route]]
continue = true
[[route]]
channel = "C_DEV"
[[probe]]
name = "shop"
env = "prod"
severity = "critical"
tcp = "127.0.0.1:%d"
every = "0.2s"
timeout = "1s"
"""


class Thing:
    """A port that somebody listens at, or nobody."""

    def __init__(self) -> None:
        self.port = free_port()
        self._listening: socket.socket | None = None

    async def mend(self) -> None:
        """From now on it answers."""
        # no asyncio.Server: 3.11 forgets to close what it accepts while it is being closed
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self._listening.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listening, self._hang_up, self._listening)

    def break_it(self) -> None:
        """From now on it does not."""
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None

    def _hang_up(self, listening: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            listening.accept()[0].close()


class WatchedWorld(World):
    """A world with alerts, and `thing` that is well."""

    def __init__(self, broker: Broker, folder: Path, *, ledger: Ledger | None = None) -> None:
        self.thing = Thing()
        super().__init__(broker, folder, ledger=ledger, alerts=ALERTS % self.thing.port)
        self.slack.add_channel(OTHER, "dev")
        self.slack.person(ON_CALL, name="oncall")

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        await self.thing.mend()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.thing.break_it()
        await super().__aexit__(kind, error, trace)

    async def watches(self) -> None:
        """Start a bot, and wait until it keeps watch and has shown its board."""
        self.bot()
        await self.sees()
        await self.slack.until(lambda: self.posted("board/", CHANNEL))

    def posted(self, key: str, channel: str) -> list[Message]:
        """The bot's messages in the channel itself whose key begins so."""
        shown = self.slack.channel(channel).by_ts.values()
        return [
            one
            for one in shown
            if one.bot
            and one.thread_ts is None
            and not one.tombstone
            and key_of(one).startswith(key)
        ]

    async def says(
        self,
        *words: str,
        key: str = "alert/",
        timeout: float = 60,
        channels: tuple[str, ...] = CHANNELS,
    ) -> list[Message]:
        """Wait until the newest such post in each channel says all of `words`; returns them."""

        def found() -> list[Message] | None:
            newest = [self.posted(key, channel)[-1:] for channel in channels]
            whole = [one for some in newest for one in some]
            if len(whole) < len(channels):
                return None
            return whole if all(word in one.plain for one in whole for word in words) else None

        shown = await self.slack.until(found, timeout)
        assert shown is not None
        return shown

    async def all_told(self) -> None:
        """Wait until everything is shown, and check that nothing was said twice."""
        untold = "SELECT key FROM alert_posts WHERE NOT told"
        deadline = asyncio.get_running_loop().time() + 60
        while self.ledger.ask(untold):
            assert asyncio.get_running_loop().time() < deadline, self.ledger.ask(untold)
            await asyncio.sleep(0.05)
        for channel in CHANNELS:
            keys = [key_of(one) for one in self.slack.channel(channel).by_ts.values() if one.bot]
            assert len(keys) == len(set(keys)), f"said twice in {channel}: {sorted(keys)}"

    async def mended(self, *, number: int = 1) -> list[Message]:
        """Mend it, and wait until that is told in both channels, in `number` posts each."""
        await self.thing.mend()
        posts = await self.says("resolved: ")
        await self.all_told()
        assert [len(self.posted("alert/", channel)) for channel in CHANNELS] == [number, number]
        return posts


def of(key: str, text: str = "", channel: str = "") -> Callable[[Args], bool]:
    """Calls for a message in the channel itself (`channel`, or any) whose key begins with `key`,
    and which says `text`."""

    def meant(args: Args) -> bool:
        payload = args["metadata"]["event_payload"]
        apart = args.get("thread_ts") or payload["key"].endswith("/history")
        if apart or channel not in ("", args["channel"]):
            return False
        return payload["key"].startswith(key) and text in str(args["text"])

    return meant
