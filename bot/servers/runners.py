"""The runners that workers declare in their heartbeats: which there are, and whose. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from baton.bus.facts import RunnerFacts
from baton.command import Command, KnownServer
from baton.declared import command_names
from baton.errors import ExtensionError
from bot.servers.inventory import LastHeartbeat
from bot.servers.runner_command import RunnerCommand, command_of


@dataclass(frozen=True, slots=True)
class KnownWorker:
    """A server that declares runners, and since when it declares these."""

    server: KnownServer
    since: datetime


@dataclass(frozen=True, slots=True)
class DeclaredRunner:
    """A runner as the worker describes it that declared it last.

    `workers` serve its queue. `differs` are the workers that describe it in another way: theirs
    does not count. `also` are other queues that the same worker gives to it. `wrong` says why it
    cannot be used; else there is a `command`.
    """

    runner: RunnerFacts
    by: str
    workers: tuple[KnownServer, ...]
    differs: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    command: type[RunnerCommand] | None = None
    wrong: str = ""

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments of its workers: there should be one."""
        return environments_of(self.workers)

    @property
    def running(self) -> tuple[str, ...]:
        """The names of its workers that are running."""
        return tuple(one.facts.host for one in self.workers if not one.missing)

    @property
    def workers_text(self) -> str:
        """How many workers serve its queue, if all of them are running; else how many of them."""
        known, running = len(self.workers), len(self.running)
        return f"{running}" if running == known else f"{running} of {known} running"

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about it, in sentences without a full stop."""
        name, notes = self.runner.name, []
        if self.wrong:
            notes.append(f"{name} cannot be used: {self.wrong}")
        if self.differs:
            others = ", ".join(self.differs)
            notes.append(
                f"{name} is described differently by {others}: {self.by} counts, it is newer"
            )
        if len(self.environments) > 1:
            notes.append(
                f"{name} cannot be used: the workers of {self.runner.queue} are in several "
                f"environments: {', '.join(self.environments)}"
            )
        if self.also:
            notes.append(
                f"{name} of {self.by} serves {', '.join(self.also)} too: what is asked here goes "
                f"to {self.runner.queue}"
            )
        return tuple(notes)


def declared_runners(
    workers: Sequence[KnownWorker], taken: Mapping[str, object]
) -> dict[str, DeclaredRunner]:
    """Return the runners that `workers` declare, by the names of their commands.

    Of two descriptions of one runner the one that was declared last counts. A runner whose name is
    `taken` gets the name `run-NAME`: so no rule about the other command is about it.
    """
    newest = sorted(workers, key=lambda one: (one.since, one.server.facts.host), reverse=True)
    first: dict[str, tuple[RunnerFacts, str]] = {}
    differs: dict[str, list[str]] = {}
    also: dict[str, list[str]] = {}
    for worker in newest:
        facts = worker.server.facts
        mine: set[str] = set()
        for runner in facts.runners:
            name = runner.name.lower()
            chosen, by = first.setdefault(name, (runner, facts.host))
            if by == facts.host and chosen is not runner:
                also.setdefault(name, []).append(runner.queue)
            elif by != facts.host and chosen != runner and name not in mine:
                differs.setdefault(name, []).append(facts.host)
            mine.add(name)
    found: dict[str, DeclaredRunner] = {}
    for name, (runner, by) in sorted(first.items()):
        called, other = command_names(name)
        called = other if called in taken else called
        if called in taken or called in found or (called != name and called in first):
            continue
        made, wrong = None, ""
        try:
            made = command_of(runner, called)
        except ExtensionError as error:
            wrong = str(error.facts["reason"])
        found[called] = DeclaredRunner(
            runner,
            by,
            workers_of(workers, runner.queue),
            tuple(sorted(differs.get(name, ()))),
            tuple(also.get(name, ())),
            made,
            wrong,
        )
    return found


def environments_of(workers: Sequence[KnownServer]) -> tuple[str, ...]:
    """Return the environments of these workers: of those that are running, if any is."""
    running = [one for one in workers if not one.missing] or workers
    return tuple(sorted({one.facts.environment for one in running}))


def environments_for(command: Command, servers: Sequence[KnownServer]) -> tuple[str, ...]:
    """Return the environments in which `command` may reach servers if it names none: those of all
    `servers`, or of the workers of its queue."""
    if isinstance(command, RunnerCommand):
        return environments_of(serving(command.runner.queue, servers))
    return tuple(sorted({one.facts.environment for one in servers}))


def serving(queue: str, servers: Sequence[KnownServer]) -> list[KnownServer]:
    """Return those of `servers` that are workers of `queue`."""
    return [one for one in servers if any(each.queue == queue for each in one.facts.runners)]


def workers_of(workers: Sequence[KnownWorker], queue: str) -> tuple[KnownServer, ...]:
    """Return the workers that serve `queue`."""
    return tuple(serving(queue, [one.server for one in workers]))


def queues_without_workers(
    workers: Sequence[KnownWorker], last: Mapping[str, LastHeartbeat]
) -> dict[str, datetime]:
    """Return the queues none of whose workers is running, with the last sign of one."""
    if all(not one.server.missing for one in workers):
        return {}
    by_queue: dict[str, list[KnownServer]] = {}
    for one in workers:
        for queue in {each.queue for each in one.server.facts.runners}:
            by_queue.setdefault(queue, []).append(one.server)
    return {
        queue: max(last[one.facts.host].at for one in some)
        for queue, some in by_queue.items()
        if all(one.missing for one in some)
    }
