"""How far a rollout is, and what people said: as it is written with its job. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping

from pydantic import BaseModel, ConfigDict, Field

from bot.rollout.settings import RolloutSettings


class Question(BaseModel):
    """What people are asked before a rollout goes on. `wave` is the one that is let on by yes, and
    `hosts` are the servers that are overlooked then. `number` counts the questions of a rollout;
    `urgent`: something went wrong."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    text: str
    wave: int = 0
    hosts: frozenset[str] = frozenset()
    number: int = 1
    urgent: bool = False

    @property
    def mark(self) -> str:
        """Return what stands for it in a button: another one if it is about other servers."""
        text = f"{self.number} {self.wave} {' '.join(sorted(self.hosts))}"
        return hashlib.sha256(text.encode()).hexdigest()[:8]


class RolloutState(BaseModel):
    """A rollout with these `settings`. `waves` is the wave of each server, counted from 1; it is
    empty before the job starts, unless they are set before, and `sick` are those that were
    unhealthy then. The other fields are as in bot.rollout.values.Rollout.

    `wave` is the last one that has begun. `can_undo`: there is a command that takes the job back.
    `question` is what it waits for, and `asked` how many there were. `undone_by` is the job that
    takes it back. `over`: nobody looks after it any more.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    settings: RolloutSettings
    waves: Mapping[str, int] = Field(default_factory=dict)
    sick: frozenset[str] = frozenset()
    wave: int = 0
    can_undo: bool = False
    paused: str = ""
    let_on: int = 0
    overlooked: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    stopped: str = ""
    question: Question | None = None
    asked: int = 0
    undone_by: str = ""
    over: bool = False

    def with_question(
        self, text: str, wave: int, hosts: Iterable[str], urgent: bool
    ) -> RolloutState:
        """Return it with a question that people are to answer. One that is about more servers than
        before, or fewer, is the same question: it is not asked twice."""
        old, about = self.question, frozenset(hosts)
        if old is not None and (old.wave, old.urgent) == (wave, urgent) and _meet(old.hosts, about):
            number = old.number
        else:
            number = self.asked + 1
        new = Question(text=text, wave=wave, hosts=about, number=number, urgent=urgent)
        return self.model_copy(update={"question": new, "asked": max(self.asked, number)})

    def without_question(self) -> RolloutState:
        """Return it as it is when nobody is asked anything."""
        return self.model_copy(update={"question": None})

    def with_waves(self, waves: Mapping[str, int], sick: Collection[str]) -> RolloutState:
        """Return it as it begins, with the servers of `waves`; their waves stay if they were set
        before."""
        set_before = {host: wave for host, wave in self.waves.items() if host in waves}
        waves = set_before if self.waves else dict(waves)
        return self.model_copy(update={"waves": waves, "sick": frozenset(sick)})


def _meet(some: frozenset[str], others: frozenset[str]) -> bool:
    return some == others or not some.isdisjoint(others)
