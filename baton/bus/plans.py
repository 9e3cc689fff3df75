"""What people approve before a job starts: its servers, and what each would put in place of what.

The plan goes to each server with the request, so that a server does only what was approved. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from baton.bus.bounds import Arguments, Id, Line, at_most
from baton.fields import Host, Name

MAX_STEPS = 100
MAX_SERVERS = 10_000
_SHOWN = 5

Steps = Annotated[tuple[Line, ...], at_most(MAX_STEPS)]


MOST_BYTES = 64_000
"""Bytes of a plan that a request carries, at most; of a longer one it has the part of its
server."""


class SurveyFacts(BaseModel):
    """What a server says that a command would do on it.

    `commit` is what would be live, `live` what is now, `commits` how many are between the two if
    that is known. `settings` is the digest of the server's own settings for it. `irreversible` are
    the steps that cannot be undone. `problem` is why it would fail, or cannot be known.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    commit: Line = ""
    live: Line = ""
    commits: int | None = Field(default=None, ge=0)
    settings: Line = ""
    irreversible: Steps = ()
    problem: Line = ""


class PlannedServers(SurveyFacts):
    """Servers of which the same is planned."""

    hosts: Annotated[tuple[Host, ...], at_most(MAX_SERVERS)]


class Plan(BaseModel):
    """What a job would do: `command` with `arguments` on these servers."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    job: Id
    command: Name
    arguments: Arguments = Field(default_factory=dict)
    servers: Annotated[tuple[PlannedServers, ...], at_most(MAX_SERVERS)] = ()

    @property
    def hosts(self) -> list[str]:
        """Return its servers, by name."""
        return sorted(host for group in self.servers for host in group.hosts)

    @property
    def fits(self) -> bool:
        """Whether a request can carry all of it."""
        return len(self.model_dump_json()) <= MOST_BYTES

    def only(self, host: str) -> Plan:
        """Return the part of it that is about `host`: of a plan that is too long for a request."""
        group = self.of_host(host)
        alone = () if group is None else (group.model_copy(update={"hosts": (host,)}),)
        return self.model_copy(update={"servers": alone})

    @property
    def by_host(self) -> dict[str, PlannedServers]:
        """Return what is planned of each server."""
        return {host: group for group in self.servers for host in group.hosts}

    def of_host(self, host: str) -> PlannedServers | None:
        """Return what is planned of `host`; None if it is not in the plan."""
        return next((group for group in self.servers if host in group.hosts), None)


def make_plan(
    job: str,
    command: str,
    arguments: Mapping[str, object],
    servers: Mapping[str, SurveyFacts],
) -> Plan:
    """Return the plan of a job: `servers` are what each host says."""
    same: dict[str, list[str]] = {}
    for host in sorted(servers):
        same.setdefault(_canonical(servers[host].model_dump(mode="json")), []).append(host)
    groups = [
        PlannedServers(**servers[hosts[0]].model_dump(), hosts=tuple(hosts))
        for hosts in sorted(same.values())
    ]
    return Plan.model_validate(
        {"job": job, "command": command, "arguments": dict(arguments), "servers": tuple(groups)}
    )


def plan_digest(plan: Plan) -> str:
    """Return the digest of `plan`, which stands for all of it: SHA-256 of its canonical JSON."""
    text = _canonical(plan.model_dump(mode="json"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def plan_words(plan: Plan) -> list[str]:
    """Return what `plan` would do, in lines: `3 servers: v1 (1a2b3c4d) -> 5e6f7a8b, 12 commits`."""
    same: dict[str, list[str]] = {}
    for group in plan.servers:
        same.setdefault(_group_words(group), []).extend(group.hosts)
    lines = []
    for words, hosts in same.items():
        count = len(hosts)
        servers = f"{count} server{'s' * (count != 1)} ({_named(sorted(hosts))})"
        lines.append(f"{servers}: {words}" if words else servers)
    return lines


def _group_words(group: SurveyFacts) -> str:
    parts = []
    if group.commit:
        parts.append(f"{group.live or 'nothing'} -> {_short(group.commit)}")
    if group.commits is not None:
        parts.append(f"{group.commits} commit{'s' * (group.commits != 1)}")
    if group.irreversible:
        parts.append(f"cannot be undone: {', '.join(group.irreversible)}")
    if group.problem:
        parts.append(group.problem)
    return ", ".join(parts)


def differences(before: Plan, after: Plan) -> list[str]:
    """Return what is not in `after` as it was in `before`, in words."""
    was, now = before.by_host, after.by_host
    old, new = set(was), set(now)
    said = []
    if old - new:
        said.append(f"{_named(sorted(old - new))}: not there any more")
    if new - old:
        said.append(f"{_named(sorted(new - old))}: new")
    changed: dict[str, list[str]] = {}
    for host in sorted(old & new):
        for text in _changes(was[host], now[host]):
            changed.setdefault(text, []).append(host)
    return said + [f"{_named(hosts)}: {text}" for text, hosts in changed.items()]


def _changes(was: SurveyFacts, now: SurveyFacts) -> list[str]:
    said = []
    if was.settings != now.settings:
        said.append("its settings have changed")
    if was.commit != now.commit:
        said.append(f"the commit was {_short(was.commit)} and is {_short(now.commit)}")
    if was.live != now.live:
        said.append(f"{was.live or 'nothing'} was live, now {now.live or 'nothing'} is")
    if was.irreversible != now.irreversible and was.settings == now.settings:
        said.append("other steps cannot be undone")
    if was.problem != now.problem:
        said.append(now.problem or "it answers now")
    if was.commits != now.commits and not said:
        said.append("the number of commits is another")
    return said


def _short(commit: str) -> str:
    return commit.removeprefix("sha256:")[:8] or "none"


def _named(hosts: Sequence[str]) -> str:
    shown = ", ".join(hosts[:_SHOWN])
    return f"{shown} and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else shown


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
