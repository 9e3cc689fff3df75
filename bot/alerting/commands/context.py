"""The context of a command about alerts: what the person may read, and which alerts they mean."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from alerts import Engine, Episode, Matchers
from alerts.episodes import SHORT_ID
from alerts.labels.matchers import excerpt, has_operator
from baton.command import Known
from baton.errors import UsageError
from baton.outcome import named
from baton.text.words import did_you_mean, plain
from bot.alerting.operations import Operation
from bot.alerting.reloader import Reloader
from bot.alerting.runner import AlertRunner
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer, Reader
from bot.dispatch.context import CommandContext
from bot.dispatch.policy import AccessRequest
from bot.dispatch.reply import Reply
from bot.store.alerts.alert_store import AlertStore


@dataclass(frozen=True, slots=True)
class AlertsContext(CommandContext):
    """A command about alerts as it was called. `engine` is how these are now, and must not be
    changed; `reloader` reads alerts.toml again, if there is such a file. `reader` is the person who
    reads; `hidden` are the environments whose alerts they may not read, `""` among them if not even
    those of none."""

    engine: Engine
    runner: AlertRunner
    reloader: Reloader | None
    stored: AlertStore
    known: Known
    authorizer: Authorizer
    audit: AuditLog
    reader: Reader
    hidden: frozenset[str] = frozenset()

    def readable(self, episodes: Sequence[Episode]) -> tuple[list[Episode], str]:
        """Return those that they may read, and what is said of the others."""
        read = [one for one in episodes if one.labels.get("env") not in self.hidden]
        left = len(episodes) - len(read)
        return read, self.reader.left_out_note("alert", left)

    async def refuse_reading(self, environments: Iterable[str]) -> Reply | None:
        """Return why they may not read of these environments; None if they may. A refusal is
        recorded."""
        asked = [AccessRequest("alerts", each, changes=False) for each in sorted(environments)]
        refusal = await self.authorizer.refusal(asked, self.invocation.asker, self.groups)
        if refusal is None:
            return None
        where = ", ".join(each.environment for each in asked)
        return await self.audit.refuse(self.invocation, refusal, environment=where)

    @property
    def asker(self) -> str:
        """Return what the one who asks is called."""
        return self.invocation.asker.label

    @property
    def now(self) -> float:
        """Return the time, in steady seconds."""
        return self.runner.now()

    def text_after(self, word: str) -> str:
        """Return what was typed after the first `word`, with the quotes that were typed: matchers
        have quotes of their own."""
        found = re.search(
            rf"(?:^|\s){re.escape(word)}(?:\s+|$)", plain(self.invocation.text), re.IGNORECASE
        )
        return found.string[found.end() :].strip() if found else ""

    @property
    def environments(self) -> list[str]:
        """Return every environment that alerts may be about."""
        settings = self.runner.settings
        known = [*self.authorizer.environments(self.known.servers())]
        known += [one.labels.get("env") for one in self.engine.firing()]
        known += [table.env for table in (*settings.checkin, *settings.probe)]
        return known

    async def refuse_change(self, environments: Sequence[str]) -> Reply | None:
        """Return why they may not have it done in each of these environments; None if they may.
        Either is recorded."""
        where = sorted(set(environments) - {""})
        shown = " ".join(["/alerts", *plain(self.invocation.text).split()[1:2]])
        asked = [AccessRequest("alerts", each, shown=shown) for each in where]
        if not asked:  # what is of no environment every member may
            asked = [AccessRequest("alerts", "", changes=False, shown=shown)]
        refusal = await self.authorizer.refusal(asked, self.invocation.asker, self.groups)
        about = ", ".join(where)
        if refusal is None:
            await self.audit.write(self.invocation, "allowed", environment=about)
            return None
        return await self.audit.refuse(self.invocation, refusal, environment=about)

    async def submit(self, operation: Operation, environments: Sequence[str], text: str) -> Reply:
        """Have it done, if they may in each of these environments."""
        refusal = await self.refuse_change(environments)
        if refusal is not None:
            return refusal
        await self.runner.submit(operation)
        return Reply(text)

    async def record_answer(self, reply: Reply) -> Reply:
        """Record that they were answered, and return `reply`."""
        await self.audit.write(self.invocation, "answered")
        return reply

    def find_alerts(self, words: Sequence[str], what: str) -> list[Episode]:
        """Return the firing alerts that are named: by the group of a button, the beginning of an
        id, a title, the value of a label such as a host's, or matchers. Raises UsageError if there
        is none, or if an id or a name that is cut short may be of several."""
        name = " ".join(words)
        if not name:
            raise UsageError(f"Which alert? /alerts {what} ALERT; /alerts shows their ids.")
        said = self.text_after(what)
        meant = Matchers.parse(said) if has_operator(said) else None
        found = self.engine.matched_by(meant) if meant else self.firing_called(name)
        if not found:
            firing, _ = self.readable(self.engine.firing())
            values = {value for one in firing for _, value in one.labels.pairs}
            raise UsageError(
                f"No firing alert is called {excerpt(name)}. See /alerts."
                f"{did_you_mean(name, values)}"
            )
        return found

    def firing_called(self, name: str) -> list[Episode]:
        """Return the firing alerts of that name. Raises UsageError if it may mean several
        things."""
        by_id = self.engine.find(name)
        if "/" in name and by_id:
            return by_id
        everything, _ = self.readable(self.engine.firing())
        exact = [one for one in everything if name in names_of(one)]
        if exact:
            return exact
        if len(by_id) == 1:
            return by_id
        begun = [(one, value) for one in everything for value in names_of(one)]
        named_so = [(one, value) for one, value in begun if value.startswith(name)]
        several = {value for _, value in named_so} | {one.fingerprint[:SHORT_ID] for one in by_id}
        if len(several) > 1:
            raise UsageError(
                f"“{excerpt(name)}” matches several: {named(sorted(several), 5)}. Name one of them."
            )
        return list(dict.fromkeys(one for one, _ in named_so))


Action = Callable[[AlertsContext, Sequence[str]], Awaitable[Reply]]
"""What a word after /alerts does, with the words after that."""


def names_of(episode: Episode) -> list[str]:
    """Return what an alert may be called: its title, and the values of its labels."""
    return [episode.title, *(value for _, value in episode.labels.pairs)]


def titles(episodes: Sequence[Episode]) -> str:
    """Return the titles of a few of these."""
    return named([one.title for one in episodes], 5)
