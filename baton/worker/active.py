"""What a worker has at hand: the jobs that are here, and the queues that it serves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from baton.agent.verdicts import Verdict
from baton.worker.incoming import Incoming
from baton.worker.performing import Runner
from baton.worker.slots import Slots


@dataclass(slots=True)
class Active:
    """An active job is being taken, runs, or is being parked; `asked` is how it is to end.

    One that an earlier life left may be `waiting` for a slot.
    """

    job: Incoming
    task: asyncio.Task[Any]
    over: asyncio.Event = field(default_factory=asyncio.Event)
    asked: Verdict | None = None
    running: bool = False
    waiting: bool = False

    def end(self, verdict: Verdict) -> None:
        """Ask it to end; one that is already ending is left alone."""
        if self.asked is None:
            self.asked = verdict
            if self.running or self.waiting:
                self.task.cancel()


@dataclass(frozen=True, slots=True)
class Served:
    """A runner, its slots, and whether other programs made the queue of its jobs."""

    runner: Runner
    slots: Slots
    foreign: bool = False
