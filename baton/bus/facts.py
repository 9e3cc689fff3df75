"""What an agent reports about its server: in its heartbeats, and in its answer to a ping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from baton.bus.bounds import (
    MAX_NAMES,
    MAX_RUNNERS,
    Details,
    Line,
    Moment,
    QueueName,
    RunnerArguments,
    Seconds,
    at_most,
    together_small,
)
from baton.fields import Host, Name

Names = Annotated[tuple[Name, ...], at_most(MAX_NAMES)]
Lines = Annotated[tuple[Line, ...], at_most(MAX_NAMES)]
MAX_RULES = 20
"""Rules of approvals that an agent reports, at most."""
MAX_RULES_SIZE = 8_000
"""Bytes of JSON that they have together, at most: they are in every heartbeat."""


class RunnerFacts(BaseModel):
    """A runner that a worker reports: it does the jobs of `queue`.

    `arguments` are those that it declares, by name. A request is to be accepted within
    `accept_within` seconds and may run `timeout` seconds; one whose worker died is started again
    up to `retry` times.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Name
    queue: QueueName
    summary: Line = ""
    arguments: RunnerArguments = Field(default_factory=dict)
    accept_within: Seconds = 3_600.0
    timeout: Seconds = 3_600.0
    retry: int = Field(default=0, ge=0, le=100)


Runners = Annotated[tuple[RunnerFacts, ...], at_most(MAX_RUNNERS), AfterValidator(together_small)]


class SigningFacts(BaseModel):
    """How an agent treats orders that no trusted key has signed: `mode` is `off`, `warn` or
    `require`, `keys` are the fingerprints of the keys that it trusts. `doubted` counts the orders
    that it did not believe since its start, and `last` says what was wrong with the last one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    mode: Annotated[str, Field(max_length=20)]
    keys: Lines = ()
    doubted: int = Field(default=0, ge=0)
    last: Line = ""

    @property
    def insists(self) -> bool:
        """Whether it refuses them."""
        return self.mode == "require"


def _few(values: object) -> object:
    if isinstance(values, Mapping) and len(values) > MAX_NAMES:
        raise ValueError(f"at most {MAX_NAMES} values")
    return values


class ApproveFacts(BaseModel):
    """Whose signatures an agent counts before it starts something: `need` of the people whose keys
    are in `of`, names by fingerprint, for `commands` of `apps`, which are patterns. Passkeys count
    if they were used on one of the pages `origins`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    need: int = Field(ge=1)
    of: Annotated[Mapping[Line, Line], BeforeValidator(_few)]
    commands: Lines = ("*",)
    apps: Lines = ("*",)
    origins: Lines = ()

    def asks(self, command: str, app: str | None) -> bool:
        """Return whether it is about `command` for `app`."""
        return _any(self.commands, command) and _any(self.apps, app or "")


def _any(patterns: Sequence[str], text: str) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


class ReleaseFacts(BaseModel):
    """The release of an app that is live on a server, as its agent sees it: the name of its folder
    and, if it is of git, its commit; `since` when; and the release to which a rollback goes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    release: Line = ""
    commit: Line = ""
    previous: Line = ""
    since: Moment | None = None

    @property
    def version(self) -> str:
        """Return what people call it: `v2 (1a2b3c4d)`."""
        ref, commit = self.release.partition("-")[2] or self.release, self.commit[:8]
        return f"{ref} ({commit})" if commit and not ref.startswith(commit) else ref


Digests = Annotated[Mapping[Line, Line], BeforeValidator(_few)]


class Facts(BaseModel):
    """The facts that an agent reports about its server."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    host: Host
    environment: Name
    apps: Names = ()
    commands: Names = ()
    runners: Runners = ()
    """The runners of a worker, which is an agent whose jobs come from queues that it shares."""
    settings: Digests = Field(default_factory=dict)
    """The digests of its settings, such as that of `deploy.shop`."""
    checks: Names | None = None
    """The checks that a probe may name; None means that the agent runs no probes."""
    version: Line = ""
    started: Moment | None = None
    signing: SigningFacts | None = None
    """None means that the agent looks at no signatures, or is too old to say so."""
    releases: Annotated[Mapping[Name, ReleaseFacts], BeforeValidator(_few)] = Field(
        default_factory=dict
    )
    """What is live there, by app: of the apps that this agent deploys."""
    approve: Annotated[tuple[ApproveFacts, ...], at_most(MAX_RULES)] = ()
    """What starts there only if people have signed it, whatever a bot says."""
    details: Details = Field(default_factory=dict)
