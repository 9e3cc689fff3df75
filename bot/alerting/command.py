"""`/alerts`: what fires, why, and who takes it on; silences. The buttons of posts ask the same."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from alerts import Engine, Episode, Labels, Matchers
from alerts.durations import parse as seconds_of
from alerts.why import explain
from baton.consumer import Extension
from baton.errors import UsageError
from baton.messages import Person, new_id
from baton.outcome import Answer, duration, named
from bot.alerting.asks import Acknowledge, Quiet, Speak, Try
from bot.alerting.asks import Ask as Wish
from bot.alerting.preview import preview
from bot.asking import Ask
from bot.front import Reply
from bot.house import HouseCommand
from bot.policy import Asked

if TYPE_CHECKING:
    from bot.alerting.keeper import Keeper
    from bot.desk import Desk, Groups

SHORT = 8
"""Digits of a fingerprint that people are shown."""
MOST_EXPLAINED = 3
_MATCHER = re.compile(r"([A-Za-z_]\w*)(=~|!~|!=|=)(.*)", re.DOTALL)


class AlertsCommand(HouseCommand):
    """Show what fires now, or why, and take it on or silence it.

    /alerts [ENV]                                what fires
    /alerts why ALERT                            samples, rules, silences: also why nothing was said
    /alerts ack ALERT                            take it on: it is not said again
    /alerts silence MATCHERS for 2h because ...  such as env=prod host=~"web-.*"
    /alerts silence MATCHERS                     what that would mute
    /alerts silences, /alerts unsilence ID, /alerts history
    /alerts test [CHANNEL]                       whether alerts can be told there

    ALERT is the id that /alerts shows, or its first digits.
    """

    name: ClassVar[str] = "alerts"
    verbatim: ClassVar[bool] = True
    example: ClassVar[str] = "/alerts why 3fa2c1"
    words: tuple[str, ...] = Field(default=(), description="an environment, or why, ack, ...")

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
        visit = _Visit(desk, desk.keeper, await desk.keeper.view(), ask, groups)
        if action is not None:
            return await action(visit, self.words[1:])
        return await _list(visit, self.words)


ALERTS = Extension(AlertsCommand)


@dataclass(frozen=True, slots=True)
class _Visit:
    """Somebody who asks about alerts. `engine` is how these are now, and must not be changed."""

    desk: Desk
    keeper: Keeper
    engine: Engine
    ask: Ask
    groups: Groups

    @property
    def by(self) -> str:
        return _called(self.ask.asker)

    @property
    def now(self) -> float:
        return self.keeper.now()

    async def wanted(self, wish: Wish, environments: Sequence[str], text: str) -> Reply:
        """Have it done, if they may in each of these environments."""
        asked = [Asked("alerts", each) for each in sorted(set(environments) - {""})]
        refusal = await self.desk.refusal(asked, self.ask.asker, self.groups)
        await self.desk.audit(self.ask, "refused" if refusal else "allowed", refusal or "")
        if refusal is not None:
            return Reply(refusal, ok=False)
        await self.keeper.want(wish)
        return Reply(text)

    async def answered(self, reply: Reply) -> Reply:
        await self.desk.audit(self.ask, "answered")
        return reply

    def found(self, words: Sequence[str], what: str) -> list[Episode]:
        """What fires and is named. Raises UsageError."""
        if not words:
            raise UsageError(f"Which alert? /alerts {what} ALERT; /alerts shows their ids.")
        episodes = self.engine.find(words[0])
        if not episodes:
            raise UsageError(f"Nothing that fires is called {words[0]}: /alerts shows what does.")
        return episodes


async def _list(visit: _Visit, words: Sequence[str]) -> Reply:
    env = words[0] if words else ""
    firing = [one for one in visit.engine.firing() if env in ("", one.labels.get("env"))]
    where = f" in {env}" if env else ""
    if visit.engine.blind_since is not None:
        where += f" (blind for {duration(visit.now - visit.engine.blind_since)}: nothing moves)"
    if not firing:
        return await visit.answered(Reply(f"Nothing fires{where}."))
    muted = visit.engine.inside[1].muted
    rows = tuple(
        (
            one.fingerprint[:SHORT],
            one.labels.title(),
            f"{one.word}, {one.severity}",
            duration(visit.now - one.started),
            muted[one.fingerprint].why if one.fingerprint in muted else one.acknowledged_by,
        )
        for one in firing
    )
    columns = ("id", "what", "state", "for", "taken on by, or why not told")
    return await visit.answered(Reply(answer=Answer(f"{len(rows)} fire{where}", columns, rows)))


async def _why(visit: _Visit, words: Sequence[str]) -> Reply:
    if not words:
        raise UsageError("Which alert? /alerts why ALERT; /alerts shows their ids.")
    names = [words[0]]
    if "/" in words[0]:
        names = [one.fingerprint for one in visit.found(words, "why")]
    told = [explain(visit.engine, name, visit.now) for name in names[:MOST_EXPLAINED]]
    lines = ["\n".join(one) for one in told]
    if len(names) > len(told):
        lines.append(f"and {len(names) - len(told)} more: /alerts why ALERT for each")
    return await visit.answered(Reply("\n\n".join(lines)))


async def _ack(visit: _Visit, words: Sequence[str]) -> Reply:
    episodes = visit.found(words, "ack")
    wish = Acknowledge(by=visit.by, at=visit.now, what=words[0])
    others = sorted({one.acknowledged_by for one in episodes} - {""})
    text = f"You take on {_titles(episodes)}."
    if others and all(one.acknowledged_by for one in episodes):
        text = f"{named(others)} took that on already."
    return await visit.wanted(wish, [one.labels.get("env") for one in episodes], text)


async def _silence(visit: _Visit, words: Sequence[str]) -> Reply:
    unsaid = bool(words) and not {"for", "because"} & {word.lower() for word in words}
    what, seconds, reason = (words, 0.0, "") if unsaid else _quiet(words)
    matchers = _matchers(visit, what)
    if matchers.boundless:
        raise UsageError("That would silence everything: name at least one label's value.")
    if unsaid:
        about = visit.engine.find(words[0])
        return await visit.answered(preview(visit.engine, matchers, about))
    known = [seen.facts.environment for seen in visit.desk.roster.servers()]
    known += [one.labels.get("env") for one in visit.engine.firing()]
    meant = [env for env in known if _may_mean(matchers, env)]
    wish = Quiet(
        by=visit.by,
        at=visit.now,
        matchers=str(matchers),
        seconds=seconds,
        reason=reason,
        key=visit.ask.key,
    )
    muted = visit.engine.meant(matchers)
    now = f"It mutes now: {_titles(muted)}." if muted else "Nothing that fires now is muted by it."
    text = f"Silenced for {duration(seconds)}: {matchers}. {now}"
    return await visit.wanted(wish, meant, text)


async def _unsilence(visit: _Visit, words: Sequence[str]) -> Reply:
    found = [one for one in visit.engine.silences() if words and one.id == words[0]]
    if not found:
        raise UsageError("Which silence? /alerts unsilence ID; /alerts silences shows the ids.")
    known = [seen.facts.environment for seen in visit.desk.roster.servers()]
    meant = [env for env in known if _may_mean(found[0].matchers, env)]
    wish = Speak(by=visit.by, at=visit.now, id=words[0])
    return await visit.wanted(wish, meant, f"No longer silenced: {found[0].matchers}.")


async def _silences(visit: _Visit, words: Sequence[str]) -> Reply:
    rows = tuple(
        (one.id, str(one.matchers), duration(one.until - visit.now), one.by, one.reason)
        for one in visit.engine.silences()
        if one.active(visit.now)
    )
    if not rows:
        return await visit.answered(Reply("Nothing is silenced."))
    columns = ("id", "what", "for", "by", "because")
    summary = "1 silence" if len(rows) == 1 else f"{len(rows)} silences"
    return await visit.answered(Reply(answer=Answer(summary, columns, rows)))


async def _history(visit: _Visit, words: Sequence[str]) -> Reply:
    past = await visit.desk.store.alerts.history()
    if not past:
        return await visit.answered(Reply("Nothing has fired yet."))
    rows = tuple(
        (
            f"{datetime.fromtimestamp(one.started, UTC):%m-%d %H:%M}",
            one.fingerprint[:SHORT],
            f"{one.labels.title()} ({one.number})",
            one.word if one.ended is None else f"after {duration(one.ended - one.started)}",
            one.text,
        )
        for one in past
    )
    columns = ("since (UTC)", "id", "what, and which time", "resolved", "last word")
    return await visit.answered(Reply(answer=Answer("What fired last", columns, rows)))


async def _test(visit: _Visit, words: Sequence[str]) -> Reply:
    channel = words[0] if words else visit.ask.place.channel
    known = visit.keeper.settings.channels
    if words and channel not in known:
        problem = f"No route leads to {channel}, but to {', '.join(known)}."
        raise UsageError(f"{problem} Without a name it is told where you ask.")
    wish = Try(by=visit.by, at=visit.now, channel=channel, key=new_id())
    return await visit.wanted(wish, [], f"It is told in {channel} within seconds, if it can be.")


_ACTIONS: dict[str, Callable[[_Visit, Sequence[str]], Awaitable[Reply]]] = {
    "why": _why,
    "ack": _ack,
    "silence": _silence,
    "unsilence": _unsilence,
    "silences": _silences,
    "history": _history,
    "test": _test,
}


def _quiet(words: Sequence[str]) -> tuple[Sequence[str], float, str]:
    """Matchers, seconds, reason. Raises UsageError."""
    lower = [word.lower() for word in words]
    if "because" not in lower or "for" not in lower[: lower.index("because")]:
        must = "/alerts silence MATCHERS for 2h because the disk is being replaced"
        raise UsageError(f"A silence needs an end and a reason: {must}.")
    because = lower.index("because")
    until = because - 1 - lower[:because][::-1].index("for")
    try:
        seconds = seconds_of(" ".join(words[until + 1 : because]))
    except ValueError as error:
        raise UsageError(f"After “for” must come {error}.", field="for") from None
    reason = " ".join(words[because + 1 :])
    if not reason or not seconds:
        raise UsageError("A silence needs a reason, and must last.")
    return words[:until], seconds, reason


def _matchers(visit: _Visit, words: Sequence[str]) -> Matchers:
    """What these words mean: matchers, or the group of a button. Raises UsageError."""
    if len(words) == 1 and "/" in words[0] and "=" not in words[0]:
        shared = _shared([one.labels for one in visit.found(words, "silence")])
        return Matchers.parse(" ".join(f"{name}={_quoted(value)}" for name, value in shared))
    # the quotes that a value had are gone: words were split as a shell does
    parts = []
    for word in words:
        found = _MATCHER.fullmatch(word)
        parts.append(f"{found[1]}{found[2]}{_quoted(found[3])}" if found else word)
    return Matchers.parse(" ".join(parts))


def _shared(labels: Sequence[Labels]) -> list[tuple[str, str]]:
    """The labels that all of them have."""
    return [pair for pair in labels[0].pairs if all(pair in one.pairs for one in labels)]


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _may_mean(matchers: Matchers, env: str) -> bool:
    return all(part.matches(env) for part in matchers.parts if part.name == "env")


def _titles(episodes: Sequence[Episode]) -> str:
    return named([one.labels.title() for one in episodes], 5)


def _called(person: Person) -> str:
    return person.name or person.id
