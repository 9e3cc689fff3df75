"""The situation of an ask: everything that the gates look at, as one value. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from baton.bus.facts import Facts
from baton.bus.messages import Person, Request
from baton.command import Command, KnownServer
from bot.dispatch.gates.finding import Finding
from bot.dispatch.policy import AccessRequest
from bot.jobs import Job
from bot.locks import Lock
from bot.rollout.settings import RolloutSettings
from bot.signers import Signers, signers_of


@dataclass(frozen=True, slots=True)
class Intent:
    """What somebody wants to start: the command, and what it is for. No `hosts`: it is for whole
    environments. `title` is how people call it, such as `deploy shop prod`."""

    command: str
    environments: tuple[str, ...]
    app: str | None = None
    hosts: frozenset[str] = frozenset()
    changes: bool = True
    title: str = ""

    @property
    def requests(self) -> tuple[AccessRequest, ...]:
        """Return what the rules of the policy look at."""
        return tuple(
            AccessRequest(self.command, each, self.app, self.changes) for each in self.environments
        )

    @property
    def where(self) -> str:
        """Return its environments, as a job and the audit log have them."""
        return ", ".join(self.environments)


def intent_of(command: Command, where: str, hosts: Iterable[str], title: str) -> Intent:
    """Return what `command`, called `title`, is to start on `hosts` in the environments `where`,
    which stand as in a job."""
    environments = tuple(filter(None, where.split(", ")))
    app = command.target.app
    return Intent(command.name, environments, app, frozenset(hosts), command.changes, title)


def intent_of_job(job: Job, hosts: Iterable[str], changes: bool) -> Intent:
    """Return what `job` is for on `hosts`: all of it, or a wave that is to start."""
    environments = tuple(sorted(filter(None, job.environment.split(", "))))
    return Intent(job.command, environments, job.app, frozenset(hosts), changes, job.title)


@dataclass(frozen=True, slots=True)
class Order:
    """Something without a job of its own that is to be sent to servers, such as a dead letter.
    `fence` is the number of the last lock when it was asked for; None if it is no request of
    Baton's."""

    intent: Intent
    fence: int | None = None


def order_of(asked: AccessRequest, request: Request | None = None) -> Order:
    """Return what needs the right `asked` for: `request`, if it is one."""
    where = (asked.environment,) if asked.environment else ()
    title = " ".join(filter(None, (asked.command, asked.app, asked.environment)))
    hosts = frozenset([request.host] if request is not None and request.host else [])
    intent = Intent(asked.command, where, asked.app, hosts, asked.changes, title)
    return Order(intent, None if request is None else request.fence or 0)


def servers_of(intent: Intent, servers: Iterable[KnownServer]) -> tuple[Facts, ...]:
    """Return what those of `servers` said last that `intent` is for."""
    here = (each.facts for each in servers if each.facts.environment in intent.environments)
    if intent.hosts:
        return tuple(facts for facts in here if facts.host in intent.hosts)
    return tuple(facts for facts in here if intent.app is None or intent.app in facts.apps)


@dataclass(frozen=True, slots=True)
class Asked:
    """An `intent` of `asker`, whom the front end `directory` knows. `break_glass` is their reason
    to pass a freeze; empty if they gave none. `broken` names the freezes that they have passed with
    it, as `Open.broke` does: a job in the ledger passes no others. None: it is asked for now.
    `rollout` is how they want it to go through its servers; None if they did not say."""

    intent: Intent
    asker: Person
    directory: str = ""
    break_glass: str = ""
    broken: str | None = None
    rollout: RolloutSettings | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """What is `asked` at the moment `now`. `groups` are the user groups that the asker is in;
    `locks` are the open ones of its environments, `servers` what those that it is for said last."""

    asked: Asked
    groups: frozenset[str]
    now: datetime
    locks: tuple[Lock, ...] = ()
    servers: tuple[Facts, ...] = ()

    @property
    def intent(self) -> Intent:
        """Return what they want to start."""
        return self.asked.intent

    @property
    def signers(self) -> tuple[Signers, ...]:
        """Return whose signatures the servers count."""
        intent = self.intent
        return signers_of(self.servers, intent.command, intent.app) if intent.changes else ()

    @property
    def asker(self) -> Person:
        """Return who asks."""
        return self.asked.asker


class Gate(Protocol):
    """Says what it finds in a situation. It decides by the situation and its rules alone."""

    def look(self, situation: Situation) -> Finding:
        """Return what this gate says of it."""
        ...
