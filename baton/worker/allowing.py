"""What a worker does for whoever asks: `[allow]` of its own file, whatever a bot allows. Pure."""

from __future__ import annotations

from baton.agent.trust.allow import FileKeys, Patterns, first_outside
from baton.settings import Table
from baton.worker.incoming import Incoming


class WorkerAllowTable(Table):
    """`[allow]`: what this worker does, whoever asks: patterns of `commands` (its runners), of
    `queues` and of `requesters` (the user IDs of who asks; build requests are of `pybit`). What is
    not given allows everything. Approvals are counted by agents alone."""

    commands: Patterns = ("*",)
    queues: Patterns = ("*",)
    requesters: Patterns = ("*",)


class WorkerAllowance:
    """What the table `[allow]` in the settings `file` lets a worker do."""

    def __init__(self, table: WorkerAllowTable, file: str = "the settings") -> None:
        self._table = table
        self._keys = FileKeys(table, "allow", file)

    def forbidden(self, job: Incoming, runner: str) -> str:
        """Return why `job` is not allowed here, which `runner` would do; empty if it is."""
        table = self._table
        found = [
            ("commands", runner, table.commands, "the command"),
            ("queues", job.queue, table.queues, "the queue"),
            ("requesters", job.request.requester.id, table.requesters, "whoever asks,"),
        ]
        return first_outside(found, self._keys.place, "this worker")
