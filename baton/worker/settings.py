"""A worker's settings: its queues, and the runner of each.

They are read from worker.toml, or from an INI of rbit's: see config.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from baton.agent.trust.settings import SigningTable
from baton.arguments import usage_error
from baton.bus.bounds import MAX_RUNNERS, Interval, QueueName
from baton.bus.signing.public_key import KeyLines
from baton.declared import MAX_ARGUMENTS, RESERVED, Argument, for_programs, model_of
from baton.errors import UsageError
from baton.fields import Host, Name
from baton.process.secret_names import is_secret_name
from baton.server import Server, own_name
from baton.settings import BusSettings, Table
from baton.text.words import cited, did_you_mean
from baton.timing import durations
from baton.worker.allowing import WorkerAllowTable

YEAR = 365 * 86_400.0

_SIZE = re.compile(r"([0-9]{1,12}) ?([KMGT]?)(?:i?B)?", re.IGNORECASE)
_ARGUMENT = re.compile(r"[a-z][a-z0-9_]{0,39}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


USED = {"shell": ("a program", ()), "http": ("a service over HTTP", ("token",))}
"""Processors that hand no settings on: what each runs, and which of `settings` it uses. Those that
are named like secrets are used by all: their values are masked."""


def unused(processor: str, settings: Iterable[str]) -> list[str]:
    """Return which of a runner's free `settings` its processor does not use."""
    if processor not in USED:
        return []
    _, used = USED[processor]
    return [name for name in settings if name not in used and not is_secret_name(name)]


def _seconds(value: object) -> object:
    return durations.parse(value) if isinstance(value, str) else value


def _bytes(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        raise ValueError("a number of bytes, or a size such as 512MB or 2GB")
    return int(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " ")


def _argument_name(name: str) -> str:
    if not _ARGUMENT.fullmatch(name):
        raise ValueError("lower-case letters, digits and _, beginning with a letter; 40 at most")
    if name in RESERVED:
        raise ValueError(f"another name: {name} has a meaning for every command")
    return name


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError("names of environment variables, such as DATABASE_URL")
    return name


Length = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=YEAR, allow_inf_nan=False)]
"""A length of time: `30s`, `1h30m`, or a number of seconds."""

CpuTime = Annotated[int, BeforeValidator(_seconds), Field(ge=1, le=int(YEAR))]
"""Whole seconds of processor time."""

Size = Annotated[int, BeforeValidator(_bytes), Field(ge=1024 * 1024, le=2**50)]
"""A size in bytes, at least 1 MB: `512MB`, `2GB`, or a number."""


class WorkerTable(Table):
    """`[worker]` is about the worker itself. `environment` is what people are allowed for; `name`
    is `worker.` and the name of this host unless it is given."""

    environment: Name
    name: Host = Field(default_factory=lambda: f"worker.{own_name()}")
    state: Path = Path("/var/lib/baton")
    heartbeat: Interval = 15.0
    drain: Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=YEAR)] = 30.0

    def server(self) -> Server:
        """Return what its heartbeats say about it."""
        return Server(environment=self.environment, fqdn=self.name)


class QueueTable(Table):
    """`[queues] QUEUE = "RUNNER"` gives the jobs of a queue to a runner.

    A `foreign` queue is one that other programs made and fill: it is used as it is.
    """

    runner: Name
    foreign: bool = False


class ArgumentTable(Argument):
    """`args.NAME` of a runner declares an argument; it accepts no unknown key."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RunnerSettings(Table):
    """`[runner.NAME]` says what runs a job: `runner = "PROCESSOR!ARGUMENTS"`.

    `settings` are handed to the runner as they are. `pass_env` names the variables of the worker's
    environment that its programs get. `looks` is how often a blocked job is looked at again
    before it ends as blocked. `memory` is in bytes, `cpu` in seconds of processor time, and
    `files` is how many files may be open at once; with `scope`, systemd holds all that it
    starts to `memory` together. A callable of Python runs in an interpreter of its own, that of
    `python` or ours, or with `thread` in the worker.

    `artifacts` are the files that a program makes. They, and what a callable returns, must be
    in `folder` or in one of `artifacts_from`; `artifacts_url` is where that folder is served.
    """

    runner: str = Field(min_length=1, max_length=4_000)
    summary: str = Field(default="", max_length=200)
    concurrency: int = Field(default=1, ge=1, le=1_000)
    timeout: Length = 3_600.0
    accept_within: Length = 3_600.0
    retry: int = Field(default=0, ge=0, le=100)
    looks: int = Field(default=50, ge=1, le=10_000)
    folder: Path | None = None
    python: Path | None = None
    pass_env: tuple[Annotated[str, AfterValidator(_variable)], ...] = Field(
        default=(), max_length=100
    )
    memory: Size | None = None
    cpu: CpuTime | None = None
    files: int | None = Field(default=None, ge=16, le=1_048_576)
    scope: bool = False
    thread: bool = False
    artifacts: tuple[str, ...] = Field(default=(), max_length=100)
    artifacts_from: tuple[Path, ...] = Field(default=(), max_length=20)
    artifacts_url: str | None = None
    args: Mapping[Annotated[str, AfterValidator(_argument_name)], ArgumentTable] = Field(
        default_factory=dict, max_length=MAX_ARGUMENTS
    )
    settings: Mapping[str, JsonValue] = Field(default_factory=dict)

    @field_validator("folder", "python")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_absolute():
            raise ValueError("an absolute path")
        return path

    @field_validator("artifacts_from")
    @classmethod
    def _absolute_folders(cls, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        if not all(path.is_absolute() for path in paths):
            raise ValueError("a list of absolute paths")
        return paths

    @field_validator("artifacts")
    @classmethod
    def _in_a_folder(cls, paths: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if paths and not info.data.get("folder"):
            raise ValueError("given together with `folder`, in which they are")
        return paths

    @field_validator("artifacts_url")
    @classmethod
    def _served(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is None:
            return None
        if not info.data.get("folder"):
            raise ValueError("given together with `folder`, which it serves")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError("an address such as https://files.example.com/reports")
        if parts.username is not None or parts.password is not None:
            raise ValueError("an address without user and password: people see it")
        return url.rstrip("/")

    @property
    def processor(self) -> str:
        """Return the name of the processor: what stands before the first `!`."""
        return self.runner.partition("!")[0]

    @property
    def target(self) -> str:
        """Return what the processor runs: what stands after the first `!`."""
        return self.runner.partition("!")[2]

    @property
    def handed(self) -> dict[str, JsonValue]:
        """Return the settings that a callable gets: the free ones, and `runner` as in rbit."""
        return {**self.settings, "runner": self.runner}

    @cached_property
    def arguments_model(self) -> type[BaseModel]:
        """Return the model of its arguments. To make one takes longer than a job."""
        return model_of("Arguments", self.args, _Arguments)

    def accept(self, given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return the arguments that were sent, with defaults, as a program wants them.

        Raises UsageError that names the argument and what is wrong.
        """
        model = self.arguments_model
        for name in given:
            if name not in self.args:
                hint = did_you_mean(name, self.args)
                raise UsageError(f"There is no argument {cited(name)} here.{hint}", field=name)
        try:
            values = model.model_validate(given)
        except ValidationError as error:
            raise usage_error(model, error, given) from None
        return for_programs(self.args, values.model_dump(mode="json"))


class _Arguments(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class PybitTable(Table):
    """`[pybit]` is about PyBit, of which foreign queues come.

    With `url`, the status of each of its jobs is reported there, and nowhere else; `cancels` is the
    queue from which its orders to cancel are taken.
    """

    url: str | None = None
    user: str = ""
    password: SecretStr = SecretStr("")
    cancels: QueueName | None = None

    @field_validator("url")
    @classmethod
    def _an_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError("an address such as https://pybit.example.com")
        if parts.username is not None or parts.password is not None:
            raise ValueError("an address without user and password: those have keys of their own")
        return url.rstrip("/")


class WorkerSigningTable(SigningTable):
    """`[signing]`: `keys` are the public keys of the bots that are trusted, `push` those of who may
    put build requests on the queues (`baton push --key`), and nothing else. With `own`, the file of
    a private key, what this machine reports is signed."""

    push: KeyLines = ()


class WorkerSettings(Table):
    """All settings of a worker are here."""

    bus: BusSettings = BusSettings()
    worker: WorkerTable
    queues: Mapping[QueueName, QueueTable]
    runner: Mapping[Name, RunnerSettings] = Field(max_length=MAX_RUNNERS)
    pybit: PybitTable = PybitTable()
    signing: WorkerSigningTable = WorkerSigningTable()
    allow: WorkerAllowTable = WorkerAllowTable()

    @field_validator("queues", mode="before")
    @classmethod
    def _runners(cls, queues: object) -> object:
        if not isinstance(queues, Mapping):
            return queues
        return {name: {"runner": to} if isinstance(to, str) else to for name, to in queues.items()}


WORKER_VARIABLES = {
    "BATON_BUS_URL": ("bus", "url"),
    "BATON_STATE": ("worker", "state"),
    "BATON_ENVIRONMENT": ("worker", "environment"),
    "BATON_WORKER_NAME": ("worker", "name"),
}
"""Environment variables, and the key that each overrides."""
