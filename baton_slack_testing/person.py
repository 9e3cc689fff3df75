"""What people do in Slack: type a command, say something, click a button.

ann = slack.person("U_ANN", name="ann")
reply = await ann.slash("/deploy shop prod", channel="C_OPS")
await ann.says("@baton cancel", channel="C_OPS", thread_ts=post.ts)
await ann.clicks(post, action_id="cancel")
"""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baton_slack_testing.args import Args
from baton_slack_testing.delivery import Delivery
from baton_slack_testing.errors import Json, Refusal
from baton_slack_testing.plain import buttons
from baton_slack_testing.responses import answer
from baton_slack_testing.tokens import KINDS
from baton_slack_testing.views import filled, replaced, shown_problems
from baton_slack_testing.workspace import (
    APP,
    BOT_USER,
    TEAM,
    Channel,
    Ephemeral,
    Message,
    User,
)

if TYPE_CHECKING:
    from baton_slack_testing.server import SlackServer

VERIFICATION = "verification"


@dataclass(slots=True, eq=False)
class Reply:
    """What a person got for a command or a click.

    `error` is what Slack tells them instead: `operation_timeout` (not acknowledged in 3 s),
    `dispatch_failed` (no bot is connected), `invalid_command_response`.
    """

    channel: Channel
    user: User
    delivery: Delivery
    error: str | None = None
    seen: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    """What a modal that stays open says under its inputs."""

    @property
    def acked_after(self) -> float | None:
        """Seconds until the bot acknowledged; None if it did not in time."""
        return self.delivery.acked_after

    @property
    def shown(self) -> list[Ephemeral]:
        """What only this person was shown since, first to last."""
        return [each for each in self.channel.ephemerals[self.seen :] if each.user == self.user.id]

    @property
    def ephemeral(self) -> str | None:
        """Its words; None if nothing was shown."""
        mine = [each.plain for each in self.shown]
        return "\n".join(mine) if mine else None


class Person:
    """Somebody in the workspace."""

    def __init__(self, slack: SlackServer, user: User) -> None:
        self.slack = slack
        self.user = user
        self.id = user.id

    @property
    def _enterprise(self) -> Json:
        return {"enterprise_id": self.user.enterprise} if self.user.enterprise else {}

    @property
    def ephemerals(self) -> list[str]:
        """Everything that only this person was shown."""
        channels = self.slack.workspace.channels.values()
        return [e.plain for c in channels for e in c.ephemerals if e.user == self.id]

    async def slash(self, line: str, *, channel: str) -> Reply:
        """Type a slash command, and wait until the bot acknowledged it or 3 s are over."""
        slack, where = self.slack, self.slack.channel(channel)
        command, _, text = line.partition(" ")
        known = slack.manifest.commands
        if known is not None and command not in known:
            raise LookupError(f"{command} is not a command of the manifest: {sorted(known)}")
        slack.require_scope("commands")
        payload: Json = {
            "token": VERIFICATION,
            "team_id": self.user.team,
            **self._enterprise,
            "team_domain": "baton",
            "channel_id": where.id,
            "channel_name": where.name,
            "user_id": self.id,
            "user_name": self.user.name,
            "command": command,
            "text": text,
            "api_app_id": APP,
            "is_enterprise_install": "false",
            "response_url": slack.response_urls.new(slack.origin, where.id, self.id),
            "trigger_id": slack.triggers.new(),
        }
        reply = Reply(where, self.user, Delivery("slash_commands", payload, accepts_answer=True))
        reply.seen = len(where.ephemerals)
        await self._sent(reply)
        if reply.delivery.answer:
            try:
                answer(slack, where.id, self.id, Args(reply.delivery.answer))
            except Refusal:
                reply.error = "invalid_command_response"
        return reply

    async def clicks(
        self, message: Message | Ephemeral, action_id: str, value: str | None = None
    ) -> Reply:
        """Click a button that the message has now; raises LookupError if it has no such one."""
        slack, where = self.slack, self.slack.channel(message.channel)
        private = isinstance(message, Ephemeral)
        if isinstance(message, Ephemeral):
            there = message in where.ephemerals and message.user == self.id
        else:
            there = where.by_ts.get(message.ts) is message
        found = [
            (block, button)
            for block, button in (buttons(message.blocks) if there else ())
            if button.get("action_id") == action_id and value in (None, button.get("value"))
        ]
        if not found:
            raise LookupError(f"no button {action_id!r} in the message: {message.plain!r}")
        block, button = found[0]
        container: Json = {"type": "message", "message_ts": message.ts, "channel_id": where.id}
        container["is_ephemeral"] = private
        if message.thread_ts is not None:
            container["thread_ts"] = message.thread_ts
        action = {**button, "block_id": block.get("block_id", "b1"), "action_ts": stamp_now()}
        payload: Json = {
            "type": "block_actions",
            "user": {"id": self.id, "username": self.user.name, "name": self.user.name}
            | {"team_id": self.user.team},
            "api_app_id": APP,
            "token": VERIFICATION,
            "container": container,
            "trigger_id": slack.triggers.new(),
            "team": {"id": TEAM, "domain": "baton"},
            "enterprise": {"id": slack.enterprise} if slack.enterprise else None,
            "is_enterprise_install": False,
            "channel": {"id": where.id, "name": where.name},
            "state": {"values": {}},
            "response_url": slack.response_urls.new(slack.origin, where.id, self.id),
            "actions": [action],
        }
        if isinstance(message, Message):  # Slack does not send back what only one person sees
            payload["message"] = message.raw(metadata=True)
        reply = Reply(where, self.user, Delivery("interactive", payload, accepts_answer=False))
        reply.seen = len(where.ephemerals)
        await self._sent(reply)
        return reply

    async def submits(self, view: Json, *, channel: str, **said: str) -> Reply:
        """Send a modal with what was `said` in its inputs, by their block ids; the rest as they
        stood. It closes if the bot lets it; `channel` is where the person goes on reading."""
        slack, where = self.slack, self.slack.channel(channel)
        if not any(view is each for each in slack.views):
            raise LookupError(f"no such view is open: {view.get('id')}")
        values = filled(view, said)
        payload: Json = {
            "type": "view_submission",
            "team": {"id": TEAM, "domain": "baton"},
            "user": {"id": self.id, "username": self.user.name, "name": self.user.name}
            | {"team_id": self.user.team},
            "api_app_id": APP,
            "token": VERIFICATION,
            "trigger_id": slack.triggers.new(),
            "view": {**view, "state": {"values": values}},
            "response_urls": [],
            "is_enterprise_install": False,
            "enterprise": {"id": slack.enterprise} if slack.enterprise else None,
        }
        reply = Reply(where, self.user, Delivery("interactive", payload, accepts_answer=True))
        reply.seen = len(where.ephemerals)
        await self._sent(reply)
        answer = reply.delivery.answer or {}
        problems = shown_problems(view, answer)
        if problems is None:
            reply.error = "invalid_view_response"
        elif problems:
            reply.problems = problems
        elif answer.get("response_action") == "update":
            replaced(slack, view, answer["view"])
        elif not reply.error:
            slack.views.remove(view)
        return reply

    async def _sent(self, reply: Reply) -> None:
        if not await self.slack.socket.deliver(reply.delivery):
            reply.error = "dispatch_failed"
        elif not await reply.delivery.done:
            reply.error = "operation_timeout"

    async def says(self, text: str, *, channel: str, thread_ts: str | None = None) -> Message:
        """Post a message; the bot hears it if it is mentioned, or subscribed to messages."""
        slack, where = self.slack, self.slack.channel(channel)
        typed = self.slack.as_typed(text)
        message = Message(slack.workspace.stamp(), where.id, self.id, typed, thread_ts=thread_ts)
        slack.workspace.show(message)
        if not where.has_bot:
            return message
        await self._heard(where, message)
        return message

    async def writes(self, text: str, *, thread_ts: str | None = None) -> Message:
        """Write to the bot alone, in its direct messages with this person."""
        if not self.slack.manifest.direct_messages:
            raise LookupError("the manifest has no messages tab in which people may write")
        where = self.slack.workspace.find(self.id)
        return await self.says(text, channel=where.id, thread_ts=thread_ts)

    async def edits(self, message: Message, text: str) -> None:
        """Change a message of one's own: the bot is told of a mention in it as if it were new, but
        for `edited`, by an event of its own."""
        before, message.text = message.text, self.slack.as_typed(text)
        message.edits += 1
        self.slack.changes.notify()
        await self._heard(self.slack.channel(message.channel), message, before)

    async def _heard(self, where: Channel, message: Message, before: str | None = None) -> None:
        """The bot is told of a message that is new, or of what it was `before`."""
        slack, user = self.slack, self.user
        event: Json = {"user": self.id, "text": message.text, "ts": message.ts, "team": user.team}
        event |= {"event_ts": message.ts, "client_msg_id": str(uuid.uuid4())}
        if user.team != TEAM:
            event |= {"user_team": user.team, "source_team": user.team}
            event["user_profile"] = {"name": user.name, "team": user.team}
        if message.thread_ts is not None:
            event["thread_ts"] = message.thread_ts
        if before is not None:
            event["edited"] = {"user": self.id, "ts": slack.workspace.stamp()}
        kind = KINDS[where.kind]
        mentioned = re.search(rf"<@{BOT_USER}(\|[^>]*)?>", message.text) is not None
        if mentioned and where.kind != "im" and slack.hears("app_mention"):
            await slack.event({"type": "app_mention", "channel": where.id, **event})
        if slack.hears(f"message.{kind}"):
            short = {"channels": "channel", "groups": "group"}.get(kind, kind)
            about: Json = {"type": "message", "channel": where.id, "channel_type": short}
            if before is not None:
                was = {"type": "message", "user": self.id, "text": before, "ts": message.ts}
                now = slack.workspace.stamp()
                about |= {"subtype": "message_changed", "hidden": True, "ts": now, "event_ts": now}
                about |= {"message": {"type": "message", **event}, "previous_message": was}
                await slack.event(about)
            else:
                await slack.event({**about, **event})

    def leaves(self, channel: str) -> None:
        """Leave a channel: nothing can be shown to them alone there."""
        self.slack.channel(channel).outsiders.add(self.id)


def stamp_now() -> str:
    """The time as Slack writes it."""
    return f"{time.time():.6f}"


ENTITY = re.compile(r"(<[@#!][^<>]+>)")


def as_typed(text: str, names: dict[str, str]) -> str:
    """What Slack makes of typed words: `@name` a mention, and `&`, `<`, `>` escaped."""
    pieces = ENTITY.split(text)
    for index in range(0, len(pieces), 2):
        piece = pieces[index].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        for name in sorted(names, key=len, reverse=True):
            piece = re.sub(rf"(?<![\w@])@{re.escape(name)}\b", f"<@{names[name]}>", piece)
        pieces[index] = piece
    return "".join(pieces)
