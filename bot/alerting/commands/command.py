"""`/alerts`: what fires, why, and who takes it on; silences. The buttons of posts ask the same."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import Field

from alerts import Episode
from alerts.explain import called, explain, meant
from alerts.labels.matchers import Matchers, has_operator
from alerts.notify.routes import dropping_route
from baton.command import Known
from baton.consumer import Extension
from baton.errors import UsageError
from baton.fields import Positional
from baton.messages import new_id
from baton.outcome import Answer, duration, named
from baton.text.words import channels, did_you_mean
from bot.alerting.asks import Acknowledge, Try
from bot.alerting.commands.context import Action, AlertsContext, titles
from bot.alerting.commands.forget import forget
from bot.alerting.commands.reload import reload, replay
from bot.alerting.commands.silence import silence, silences, unsilence
from bot.alerting.keeper import Keeper
from bot.alerting.reloading import Reloading
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand
from bot.dispatch.context import CommandContext
from bot.dispatch.reply import Reply
from bot.store.alerts.alerts import Alerts

SHORT = 8
"""Digits of a fingerprint that people are shown."""
_GROUP = re.compile(r"[0-9a-f]{16}/\d+")
"""What the button of a post names."""
ACKNOWLEDGED_WITHIN = 1.5
"""Seconds for which it is waited who took something on."""
LOOK_EVERY = 0.1
MOST_EXPLAINED = 3
MOST_NAMED = 10
"""Things that are named beside those that are explained."""


class AlertsCommand(BuiltinCommand):
    """List, explain, acknowledge and silence alerts.

    /alerts [ENV]                                what fires
    /alerts why ALERT                            samples, rules, silences: also why nothing was said
    /alerts ack ALERT                            acknowledge: it is not said again
    /alerts forget ALERT                         end it: what it is about is gone for good
    /alerts silence MATCHERS for 2h because ...  such as env=prod host=~"web-.*"
    /alerts silence MATCHERS, silence ALERT      what that would mute
    /alerts silences, /alerts unsilence ID, /alerts history
    /alerts test [CHANNEL]                       whether alerts can be told there
    /alerts replay [DAY]                         what alerts.toml, as it is now, would have told
    /alerts reload                               go by alerts.toml as it is now

    ALERT is the id that /alerts shows, or its first digits; or a name, such as a server's, or its
    beginning; or MATCHERS. After why it need not fire.
    """

    name: ClassVar[str] = "alerts"
    verbatim: ClassVar[bool] = True
    example: ClassVar[str] = "/alerts why 3fa2c1"
    words: Annotated[tuple[str, ...], Positional] = Field(
        default=(),
        description="an environment, or why, ack, ...",
        examples=[
            *("why", "ack", "silence", "silences", "unsilence", "forget", "history"),
            *("test", "replay", "reload", "help"),
        ],
    )

    @classmethod
    def usage(cls) -> str:
        """A word, then what it is about."""
        return "/alerts [ENV] | why|ack ALERT | silence MATCHERS for 2h because ... | history | ..."


class AlertsHandler:
    """Answers /alerts. `keeper` drives the alerts that are asked about, if this bot has any;
    `reloading` reads their settings again, if these are from a file."""

    def __init__(
        self,
        keeper: Keeper | None,
        reloading: Reloading | None,
        stored: Alerts,
        known: Known,
        authorizer: Authorizer,
        audit: AuditLog,
    ) -> None:
        self._keeper = keeper
        self._reloading = reloading
        self._stored = stored
        self._known = known
        self._authorizer = authorizer
        self._audit = audit

    async def handle(self, command: AlertsCommand, context: CommandContext) -> Reply:
        """Keeps Handler.handle."""
        if self._keeper is None:
            await self._audit.write(context.invocation, "answered")
            return Reply("Nothing is watched: this bot was given no alerts.toml.", ok=False)
        about = AlertsContext(
            context.invocation,
            context.groups,
            await self._keeper.view(),
            self._keeper,
            self._reloading,
            self._stored,
            self._known,
            self._authorizer,
            self._audit,
        )
        reader = self._authorizer.reader("alerts", context)
        hidden = [each for each in {*about.environments, ""} if not await reader.may_look_at(each)]
        about = replace(about, hidden=frozenset(hidden))
        action = _ACTIONS.get(command.words[0].lower() if command.words else "")
        if action is not None:
            return await action(about, command.words[1:])
        return await _list(about, command.words)


ALERTS = Extension(AlertsCommand)


async def _list(context: AlertsContext, words: Sequence[str]) -> Reply:
    env = words[0] if words else ""
    if env and env not in context.environments:
        hint = did_you_mean(env, [*context.environments, *_ACTIONS])
        known = f"neither an environment nor one of {', '.join(_ACTIONS)}"
        raise UsageError(f"“{env}” is {known}.{hint}")
    if env and (unread := await context.unread([env])):
        return unread
    firing = [one for one in context.engine.firing() if env in ("", one.labels.get("env"))]
    firing, left = context.shown(firing)
    where = f" in {env}" if env else ""
    if context.engine.blind_since is not None:
        where += f" (blind for {duration(context.now - context.engine.blind_since)}: nothing moves)"
    closed = context.keeper.closed(context.keeper.settings.all_channels)
    untold = "".join(f"\nNothing can be told in {one}: {why}" for one, why in closed.items())
    if not firing:
        return await context.answered(Reply(f"No alerts are firing{where}{left}.{untold}"))
    rows = tuple(
        (
            one.fingerprint[:SHORT],
            one.title,
            f"{one.word}, {one.severity}",
            duration(context.now - one.started),
            _note(context, one),
        )
        for one in firing
    )
    columns = ("id", "what", "state", "for", "note")
    count = "1 alert fires" if len(rows) == 1 else f"{len(rows)} alerts fire"
    summary = f"{count}{where}{left}{untold}"
    return await context.answered(Reply(answer=Answer(summary, columns, rows)))


def _note(context: AlertsContext, episode: Episode) -> str:
    """Why nobody is told of it, or who acknowledged it."""
    muted = context.engine.muting.muted.get(episode.fingerprint)
    if muted is not None:
        return muted.why
    settings = context.engine.settings
    drop = dropping_route(settings.routes, settings.default_route, episode)
    if drop is not None:
        return f"dropped by the route {drop.matchers}"
    return f"acknowledged by {episode.acknowledged_by}" if episode.acknowledged_by else ""


async def _why(context: AlertsContext, words: Sequence[str]) -> Reply:
    if not words:
        raise UsageError("Which alert? /alerts why ALERT; /alerts shows their ids.")
    names = _named(context, words)
    watches = context.engine.checks.states
    of = {name: watches[name].labels.get("env") if name in watches else "" for name in names}
    if unread := await context.unread(set(of.values()) & context.hidden):
        return unread
    told = [explain(context.engine, name, context.now) for name in names[:MOST_EXPLAINED]]
    lines = ["\n".join(one) for one in told]
    if len(names) > len(told):
        more = [f"{watches[key].labels.title()} ({key[:SHORT]})" for key in names[len(told) :]]
        lines.append(f"and {named(more, MOST_NAMED)}: /alerts why ID for each")
    return await context.answered(Reply("\n\n".join(lines)))


def _named(context: AlertsContext, words: Sequence[str]) -> list[str]:
    """The fingerprints of what these words mean: the group of a button, matchers, or a name."""
    if _GROUP.fullmatch(words[0]):
        return [one.fingerprint for one in context.found(words, "why")]
    said = context.after("why")
    if has_operator(said):
        return meant(context.engine, Matchers.parse(said))
    return called(context.engine, " ".join(words))


async def _ack(context: AlertsContext, words: Sequence[str]) -> Reply:
    episodes = context.found(words, "ack")
    what = " ".join(one.fingerprint for one in episodes)
    wish = Acknowledge(by=context.by, at=context.now, what=what)
    known = {one.fingerprint: one for one in episodes}
    reply = await context.wanted(wish, [one.labels.get("env") for one in episodes], "")
    if not reply.ok:
        return reply
    now = await _taken(context, known)
    others = sorted({one.acknowledged_by for one in now} - {"", context.by})
    mine = [one for one in now if one.acknowledged_by in ("", context.by)]
    before = [one for one in mine if known[one.fingerprint].acknowledged_by]
    if not mine:
        return Reply(f"{named(others)} took that on already.")
    if len(before) == len(mine) and not others:
        return Reply(f"{context.by} took that on already.")
    besides = f" {named(others)} took on the rest already." if others else ""
    return Reply(f"You take on {titles(mine)}.{besides}")


async def _taken(context: AlertsContext, known: Mapping[str, Episode]) -> list[Episode]:
    """These episodes once the bot that leads has noted who took them on, or as they are if that
    takes too long: somebody else may have been a moment earlier."""
    ended = asyncio.get_running_loop().time() + ACKNOWLEDGED_WITHIN
    while True:
        engine = await context.keeper.view()
        firing = {one.fingerprint: one for one in engine.firing()}
        now = [firing.get(key, one) for key, one in known.items()]
        taken = all(one.acknowledged_by or one.fingerprint not in firing for one in now)
        if taken or asyncio.get_running_loop().time() >= ended:
            return now
        await asyncio.sleep(LOOK_EVERY)


async def _help(context: AlertsContext, words: Sequence[str]) -> Reply:
    return await context.answered(Reply(AlertsCommand.help()))


async def _history(context: AlertsContext, words: Sequence[str]) -> Reply:
    past, left = context.shown(await context.stored.history())
    if not past and not left:
        return await context.answered(Reply("Nothing has fired yet."))
    rows = tuple(
        (
            f"{datetime.fromtimestamp(one.started, UTC):%m-%d %H:%M}",
            one.fingerprint[:SHORT],
            f"{one.title} ({one.number})",
            one.word if one.ended is None else f"after {duration(one.ended - one.started)}",
            one.text,
        )
        for one in past
    )
    columns = ("since (UTC)", "id", "what, and which time", "resolved", "last word")
    return await context.answered(Reply(answer=Answer(f"What fired last{left}", columns, rows)))


async def _test(context: AlertsContext, words: Sequence[str]) -> Reply:
    meant = channels(context.invocation.text) or [word.removeprefix("#") for word in words]
    channel = meant[0] if meant else context.invocation.place.channel
    known = context.keeper.settings.channels
    if meant and channel not in known:
        problem = f"No route leads to {channel}, but to {', '.join(known)}."
        raise UsageError(f"{problem} Without a name it is told where you ask.")
    wish = Try(by=context.by, at=context.now, channel=channel, key=new_id())
    return await context.wanted(wish, [], f"It is told in {channel} within seconds, if it can be.")


_ACTIONS: Mapping[str, Action] = {
    "why": _why,
    "ack": _ack,
    "forget": forget,
    "silence": silence,
    "unsilence": unsilence,
    "silences": silences,
    "history": _history,
    "test": _test,
    "replay": replay,
    "reload": reload,
    "help": _help,
}
