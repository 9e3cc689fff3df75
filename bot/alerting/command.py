"""`/alerts`: what fires, why, and who takes it on; silences. The buttons of posts ask the same."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from alerts import Episode
from alerts.explain import called, explain, meant
from alerts.labels.matchers import Matchers, has_operator
from alerts.notify.routes import dropped
from baton.consumer import Extension
from baton.errors import UsageError
from baton.fields import Positional
from baton.messages import new_id
from baton.outcome import Answer, duration, named
from baton.text.words import channels, did_you_mean
from bot.alerting.asks import Acknowledge, Try
from bot.alerting.changing import reload, replay
from bot.alerting.forgetting import forget
from bot.alerting.silencing import silence, silences, unsilence
from bot.alerting.visit import Action, Visit, titles
from bot.asking import Ask
from bot.dispatch.reply import Reply
from bot.house import HouseCommand

if TYPE_CHECKING:
    from bot.desk import Desk, Groups

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


class AlertsCommand(HouseCommand):
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

    async def serve(self, desk: Desk, ask: Ask, groups: Groups) -> Reply:
        """Keeps HouseCommand.serve."""
        if desk.keeper is None:
            await desk.audit(ask, "answered")
            return Reply("Nothing is watched: this bot was given no alerts.toml.", ok=False)
        word = self.words[0].lower() if self.words else ""
        action = _ACTIONS.get(word)
        visit = await Visit.of(desk, desk.keeper, await desk.keeper.view(), ask, groups)
        if action is not None:
            return await action(visit, self.words[1:])
        return await _list(visit, self.words)


ALERTS = Extension(AlertsCommand)


async def _list(visit: Visit, words: Sequence[str]) -> Reply:
    env = words[0] if words else ""
    if env and env not in visit.environments:
        hint = did_you_mean(env, [*visit.environments, *_ACTIONS])
        known = f"neither an environment nor one of {', '.join(_ACTIONS)}"
        raise UsageError(f"“{env}” is {known}.{hint}")
    if env and (unread := await visit.unread([env])):
        return unread
    firing = [one for one in visit.engine.firing() if env in ("", one.labels.get("env"))]
    firing, left = visit.shown(firing)
    where = f" in {env}" if env else ""
    if visit.engine.blind_since is not None:
        where += f" (blind for {duration(visit.now - visit.engine.blind_since)}: nothing moves)"
    closed = visit.keeper.closed(visit.keeper.settings.everywhere)
    untold = "".join(f"\nNothing can be told in {one}: {why}" for one, why in closed.items())
    if not firing:
        return await visit.answered(Reply(f"No alerts are firing{where}{left}.{untold}"))
    rows = tuple(
        (
            one.fingerprint[:SHORT],
            one.title,
            f"{one.word}, {one.severity}",
            duration(visit.now - one.started),
            _note(visit, one),
        )
        for one in firing
    )
    columns = ("id", "what", "state", "for", "note")
    count = "1 alert fires" if len(rows) == 1 else f"{len(rows)} alerts fire"
    summary = f"{count}{where}{left}{untold}"
    return await visit.answered(Reply(answer=Answer(summary, columns, rows)))


def _note(visit: Visit, episode: Episode) -> str:
    """Why nobody is told of it, or who acknowledged it."""
    muted = visit.engine.muting.muted.get(episode.fingerprint)
    if muted is not None:
        return muted.why
    settings = visit.engine.settings
    drop = dropped(settings.routes, settings.default_route, episode)
    if drop is not None:
        return f"dropped by the route {drop.matchers}"
    return f"acknowledged by {episode.acknowledged_by}" if episode.acknowledged_by else ""


async def _why(visit: Visit, words: Sequence[str]) -> Reply:
    if not words:
        raise UsageError("Which alert? /alerts why ALERT; /alerts shows their ids.")
    names = _named(visit, words)
    watches = visit.engine.checks.watches
    of = {name: watches[name].labels.get("env") if name in watches else "" for name in names}
    if unread := await visit.unread(set(of.values()) & visit.hidden):
        return unread
    told = [explain(visit.engine, name, visit.now) for name in names[:MOST_EXPLAINED]]
    lines = ["\n".join(one) for one in told]
    if len(names) > len(told):
        more = [f"{watches[key].labels.title()} ({key[:SHORT]})" for key in names[len(told) :]]
        lines.append(f"and {named(more, MOST_NAMED)}: /alerts why ID for each")
    return await visit.answered(Reply("\n\n".join(lines)))


def _named(visit: Visit, words: Sequence[str]) -> list[str]:
    """The fingerprints of what these words mean: the group of a button, matchers, or a name."""
    if _GROUP.fullmatch(words[0]):
        return [one.fingerprint for one in visit.found(words, "why")]
    said = visit.after("why")
    if has_operator(said):
        return meant(visit.engine, Matchers.parse(said))
    return called(visit.engine, " ".join(words))


async def _ack(visit: Visit, words: Sequence[str]) -> Reply:
    episodes = visit.found(words, "ack")
    what = " ".join(one.fingerprint for one in episodes)
    wish = Acknowledge(by=visit.by, at=visit.now, what=what)
    known = {one.fingerprint: one for one in episodes}
    reply = await visit.wanted(wish, [one.labels.get("env") for one in episodes], "")
    if not reply.ok:
        return reply
    now = await _taken(visit, known)
    others = sorted({one.acknowledged_by for one in now} - {"", visit.by})
    mine = [one for one in now if one.acknowledged_by in ("", visit.by)]
    before = [one for one in mine if known[one.fingerprint].acknowledged_by]
    if not mine:
        return Reply(f"{named(others)} took that on already.")
    if len(before) == len(mine) and not others:
        return Reply(f"{visit.by} took that on already.")
    besides = f" {named(others)} took on the rest already." if others else ""
    return Reply(f"You take on {titles(mine)}.{besides}")


async def _taken(visit: Visit, known: Mapping[str, Episode]) -> list[Episode]:
    """These episodes once the bot that leads has noted who took them on, or as they are if that
    takes too long: somebody else may have been a moment earlier."""
    ended = asyncio.get_running_loop().time() + ACKNOWLEDGED_WITHIN
    while True:
        engine = await visit.keeper.view()
        firing = {one.fingerprint: one for one in engine.firing()}
        now = [firing.get(key, one) for key, one in known.items()]
        taken = all(one.acknowledged_by or one.fingerprint not in firing for one in now)
        if taken or asyncio.get_running_loop().time() >= ended:
            return now
        await asyncio.sleep(LOOK_EVERY)


async def _help(visit: Visit, words: Sequence[str]) -> Reply:
    return await visit.answered(Reply(AlertsCommand.help()))


async def _history(visit: Visit, words: Sequence[str]) -> Reply:
    past, left = visit.shown(await visit.desk.store.alerts.history())
    if not past and not left:
        return await visit.answered(Reply("Nothing has fired yet."))
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
    return await visit.answered(Reply(answer=Answer(f"What fired last{left}", columns, rows)))


async def _test(visit: Visit, words: Sequence[str]) -> Reply:
    meant = channels(visit.ask.text) or [word.removeprefix("#") for word in words]
    channel = meant[0] if meant else visit.ask.place.channel
    known = visit.keeper.settings.channels
    if meant and channel not in known:
        problem = f"No route leads to {channel}, but to {', '.join(known)}."
        raise UsageError(f"{problem} Without a name it is told where you ask.")
    wish = Try(by=visit.by, at=visit.now, channel=channel, key=new_id())
    return await visit.wanted(wish, [], f"It is told in {channel} within seconds, if it can be.")


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
