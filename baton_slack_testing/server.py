"""The Slack server itself: one workspace, its Web API and its Socket Mode, on loopback."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Self, TypeVar

from baton_slack_testing.calls import Calls
from baton_slack_testing.changes import Changes
from baton_slack_testing.delivery import Delivery
from baton_slack_testing.errors import Json
from baton_slack_testing.faults import Faults
from baton_slack_testing.manifest import Manifest
from baton_slack_testing.person import Person, as_typed
from baton_slack_testing.rates import RateLimits
from baton_slack_testing.responses import ResponseUrls
from baton_slack_testing.sockets import Socket, SocketSettings
from baton_slack_testing.tokens import Token
from baton_slack_testing.views import Triggers
from baton_slack_testing.web import Web
from baton_slack_testing.workspace import APP, BOT_USER, TEAM, Channel, File, Group, User, Workspace

T = TypeVar("T")
EVENT_SCOPES = {"app_mention": "app_mentions:read"} | {
    f"message.{kind}": f"{kind}:history" for kind in ("channels", "groups", "im", "mpim")
}


class SlackServer:
    """A workspace that the bot under test is installed in.

    async with SlackServer() as slack:
        ...start the bot with slack.env...
        reply = await slack.person("U_ANN", name="ann").slash("/ping prod", channel="C_OPS")

    Args:
        manifest: the installed app; by default that of manifest.yml in the current folder.
        scopes: granted to the bot token instead of the manifest's.
        app_scopes: granted to the app token.
        plan_blocks: False answers `plan` and `task_card` blocks with `invalid_blocks`.
        rate_limits: Slack's own when given; none otherwise.
        record: False keeps no calls and no deliveries, only their counts.
        keep: at most so many messages a channel, the oldest forgotten; None keeps all.
        socket: the times of Socket Mode.
        enterprise: the Enterprise organisation that the workspace is of.
    """

    bot_token = "xoxb-of-the-tests"
    app_token = "xapp-of-the-tests"

    def __init__(
        self,
        *,
        manifest: Manifest | None = None,
        scopes: Iterable[str] | None = None,
        app_scopes: Iterable[str] = ("connections:write",),
        plan_blocks: bool = True,
        rate_limits: RateLimits | None = None,
        record: bool = True,
        keep: int | None = None,
        socket: SocketSettings | None = None,
        enterprise: str = "",
    ) -> None:
        self.manifest = manifest or Manifest.read()
        granted = self.manifest.scopes if scopes is None else frozenset(scopes)
        bot = Token(self.bot_token, "bot", granted)
        self.tokens = {
            self.bot_token: bot,
            self.app_token: Token(self.app_token, "app", frozenset(app_scopes)),
        }
        self.plan_blocks = plan_blocks
        self.enterprise = enterprise
        self.rate_limits = rate_limits
        self.changes = Changes()
        self.workspace = Workspace(self.changes, self.manifest.bot_name, keep)
        self.calls = Calls(record=record)
        self.faults = Faults()
        self.triggers = Triggers()
        self.opened = 0
        """Modals that were opened since the start, those that were closed included."""
        self.response_urls = ResponseUrls()
        self.socket = Socket(self.changes, socket or SocketSettings(), record)
        self._web = Web(self)
        self.add_channel("C_OPS", "ops")

    # -- its life

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.socket.close()
        await self._web.close()
        if self._web.crashes and error is None:
            raise AssertionError("the Slack server made a mistake") from self._web.crashes[0]

    async def up(self) -> None:
        """Listen, at the same port as before."""
        await self._web.up()
        self.socket.origin = self.origin

    async def down(self) -> None:
        """All of Slack is gone: connections are reset, new ones refused."""
        self._web.down()
        await self.until(lambda: not self.socket.connections)

    @property
    def origin(self) -> str:
        """Without a slash at its end."""
        return f"http://127.0.0.1:{self._web.port}"

    @property
    def url(self) -> str:
        """What SLACK_API_URL is set to."""
        return f"{self.origin}/api/"

    @property
    def env(self) -> dict[str, str]:
        """What a bot needs in its environment to find this server."""
        tokens = {"SLACK_BOT_TOKEN": self.bot_token, "SLACK_APP_TOKEN": self.app_token}
        return {"SLACK_API_URL": self.url, **tokens}

    # -- who and what is there

    def person(
        self,
        id: str,
        *,
        name: str | None = None,
        tz: str = "Etc/UTC",
        team: str = TEAM,
        enterprise: str = "",
        guest: str = "",
    ) -> Person:
        """Somebody in the workspace, joining it the first time: of another `team` through Slack
        Connect, or as a `guest` (`single` or `multi`)."""
        users = self.workspace.users
        if id not in users:
            called = name or id.removeprefix("U_").lower()
            users[id] = User(id, called, tz, team=team, enterprise=enterprise, guest=guest)
        return Person(self, users[id])

    def add_channel(
        self, id: str, name: str, *, kind: str = "public_channel", has_bot: bool = True
    ) -> Channel:
        """Open a channel; `kind` is as in conversations.list."""
        channel = Channel(id, name, kind, has_bot, keep=self.workspace.keep)
        return self.workspace.channels.setdefault(id, channel)

    def add_group(self, id: str, handle: str, users: list[str]) -> Group:
        """Make a user group."""
        return self.workspace.groups.setdefault(id, Group(id, handle, users))

    def channel(self, id: str) -> Channel:
        """A channel as people see it; KeyError if there is none."""
        return self.workspace.channels[id]

    @property
    def files(self) -> list[File]:
        """Files that were shared."""
        return [file for file in self.workspace.files.values() if file.shared]

    @property
    def views(self) -> list[Json]:
        """Modals that are open."""
        return self.workspace.views

    # -- what happens

    async def until(self, condition: Callable[[], T | Awaitable[T]], timeout: float = 60.0) -> T:
        """Wait for something to be true here; AssertionError with the transcript if it is not."""
        return await self.changes.until(condition, timeout, self.workspace.transcript)

    async def connected(self, connections: int = 1, timeout: float = 60.0) -> None:
        """Wait for the bot to be here, with at least so many connections."""
        await self.until(lambda: len(self.socket.connections) >= connections, timeout)

    def hears(self, event: str) -> bool:
        """The bot subscribes to an event and has the scope for it."""
        granted = self.tokens[self.bot_token].scopes
        return event in self.manifest.events and EVENT_SCOPES.get(event, "") in granted

    def require_scope(self, scope: str) -> None:
        """Raises Refusal if the bot token lacks it."""
        self.tokens[self.bot_token].require(scope)

    def as_typed(self, text: str) -> str:
        """Typed words as Slack passes them on."""
        users = self.workspace.users.values()
        return as_typed(text, {user.name: user.id for user in users})

    async def event(self, event: Json) -> Delivery:
        """Deliver an event of any type, whether or not the bot subscribes to it."""
        payload: Json = {
            "token": "verification",
            "team_id": TEAM,
            "api_app_id": APP,
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{uuid.uuid4().hex[:10].upper()}",
            "event_time": int(time.time()),
            "authorizations": [
                {"enterprise_id": None, "team_id": TEAM, "user_id": BOT_USER, "is_bot": True}
            ],
            "is_ext_shared_channel": False,
        }
        delivery = Delivery("events_api", payload, accepts_answer=False)
        await self.socket.deliver(delivery)
        return delivery

    async def redeliver(self, delivery: Delivery) -> Delivery:
        """Send the very same envelope once more."""
        twin = delivery.again()
        await self.socket.deliver(twin)
        return twin
