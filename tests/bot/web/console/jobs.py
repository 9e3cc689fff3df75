"""Jobs that run now, in the ledger of a console: what their servers say is written at once, as if
it had come over the bus."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from baton.bus.messages import State, now
from bot.jobs import NewJob
from bot.store import Store
from tests.bot.store import build

ASKED_BEFORE = timedelta(minutes=2)


@dataclass
class RunningJob:
    """A job on some servers that was asked two minutes ago."""

    store: Store
    new: NewJob
    said: int = 0

    @classmethod
    async def begin(cls, store: Store, *hosts: str, **fields: Any) -> RunningJob:
        """Write the job; its requests are sent."""
        begun = now() - ASKED_BEFORE
        new = build.deploy(*hosts, asked=begun, **fields)
        runs = [
            replace(run, deadline=now() + timedelta(hours=1), timeout=3600.0) for run in new.runs
        ]
        new = replace(new, runs=tuple(runs))
        await store.ledger.start_job(new, build.entry(new))
        sent = build.taken_up(new.outbox, begun + timedelta(hours=2))
        await store.ledger.settle(sent, at=begun + timedelta(seconds=1))
        return cls(store, new)

    @property
    def id(self) -> str:
        """Its ID."""
        return self.new.job.id

    def at(self, seconds: float) -> datetime:
        """So many seconds after it was asked."""
        return self.new.job.asked + timedelta(seconds=seconds)

    async def say(
        self,
        host: str,
        *texts: str,
        state: State = State.RUNNING,
        after: float = 60,
        level: str = "log",
        **fields: Any,
    ) -> None:
        """`host` writes these pieces of output, `after` seconds after it was asked."""
        messages = []
        for text in texts:
            self.said += 1
            fields |= {"text": text, "time": self.at(after), "level": level}
            messages.append(build.update(self.new, host, self.said, state, **fields))
        await self.store.ledger.apply_updates(messages, self.at(after))

    async def count(self, host: str, first: int, count: int, **fields: Any) -> None:
        """`host` writes `line 1`, `line 2`, ... from `first` on, one by one."""
        lines = [f"line {at}" for at in range(first, first + count)]
        pieces = ["\n".join(lines[at : at + 500]) for at in range(0, count, 500)]
        await self.say(host, *pieces, **fields)

    async def end(self, host: str, state: State, text: str, **fields: Any) -> None:
        """`host` ends its run."""
        level = "success" if state is State.SUCCEEDED else "error"
        await self.say(host, text, state=state, level=level, **fields)
