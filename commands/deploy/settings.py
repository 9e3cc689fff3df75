"""The settings of the apps that an agent deploys: the tables `[deploy.NAME]`. Pure.

[deploy.shop]
path = "/srv/shop"                  # holds releases/, shared/, repo/ and the link current
repository = "https://git.example.com/shop.git"
steps = [["make", "build"], ["bin/migrate", "--to", "{commit}"]]
restart = ["systemctl", "restart", "shop"]
health = { url = "http://127.0.0.1:8080/health", contains = "{commit}" }
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from baton.fields import Name, Ref
from baton.process.leftovers import KILLED_WITHIN
from commands.deploy.address import address
from commands.deploy.masking import passwords, secret_values

PLACEHOLDERS = ("app", "commit", "environment", "host", "ref", "release")
LIVE_PLACEHOLDERS = ("app", "commit", "environment", "host", "release")
"""What `restart` and `health` may say: they also serve on the way back, to what no ref names."""

ARCHIVE_PLACEHOLDERS = ("app", "environment", "host", "ref")

LONGEST = 7 * 24 * 3600.0
"""Seconds that a deploy may take at most: for as long an agent remembers a request."""

_A_PROGRAM = 'a program as a list of words, such as ["make", "build"]'

_PLACEHOLDER = re.compile(r"\{\{([a-z_]+)\}\}|\{([a-z_]+)\}")


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with its placeholders filled; `{{word}}` stands for a literal `{word}`."""
    return _PLACEHOLDER.sub(lambda m: f"{{{m[1]}}}" if m[1] else values[m[2]], text)


def _placeholders(texts: Iterable[str]) -> set[str]:
    return {match[2] for text in texts for match in _PLACEHOLDER.finditer(text) if match[2]}


def _only(texts: Iterable[str], allowed: Iterable[str], what: str) -> None:
    for name in sorted(_placeholders(texts) - set(allowed)):
        raise ValueError(
            f"{what} without {{{name}}}: it can hold "
            f"{', '.join(f'{{{a}}}' for a in sorted(allowed))} "
            f"(and {{{{{name}}}}} stands for the text itself)"
        )


def _argv(argv: tuple[str, ...]) -> tuple[str, ...]:
    if not argv or not argv[0] or any("\0" in word for word in argv):
        raise ValueError(_A_PROGRAM)
    _only(argv, PLACEHOLDERS, "a program")
    if _placeholders(argv[:1]) - {"release"}:
        raise ValueError("a program whose first word is fixed, or begins with {release}")
    return argv


Argv = Annotated[tuple[str, ...], AfterValidator(_argv)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit says how long something may take, in seconds, and which setting says so."""

    seconds: float
    setting: str


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StepSettings(_Table):
    """A step is a program to run in the new release: a list of words, or a table with more to
    say. `irreversible`: what it does cannot be taken back, and people who approve read that."""

    run: Argv
    name: str = ""
    timeout: Seconds | None = None
    irreversible: bool = False

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError(_A_PROGRAM)
        return {"run": value} if isinstance(value, list | tuple) else value

    def limit(self, common: Limit) -> Limit:
        """Return how long it may take: `common` if it has no timeout of its own."""
        if self.timeout is None:
            return common
        return Limit(self.timeout, f"timeout of the step {self.label}")

    @property
    def label(self) -> str:
        """Return what it is called in the thread."""
        text = self.name or " ".join(self.run)
        return text if len(text) <= 48 else f"{text[:47]}…"


class HealthSettings(_Table):
    """This is how to tell that the app is healthy: by what an address answers, or by a program's
    exit code.

    It is asked every `interval` seconds until it is healthy, for `timeout` seconds at most.
    """

    url: str | None = None
    status: int = Field(default=200, ge=100, le=599)
    contains: str = ""
    command: Argv | None = None
    timeout: Seconds = 30.0
    interval: Seconds = 1.0

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.url is None) == (self.command is None):
            raise ValueError("either a url or a command")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError("a url that begins with http:// or https://")
        address(self.url or "")
        if self.command and self.model_fields_set & {"status", "contains"}:
            raise ValueError("a command alone: status and contains go with a url")
        return self


class ArchiveSettings(_Table):
    """This is where the archive of a version is: a tar file, with the checksum that vouches for it.

    The checksum is at `checksum_url`, as sha256sum(1) writes it, or is `sha256` itself where the
    address names one version. `strip` is how many leading folders of each name are left out.
    """

    url: str
    checksum_url: str | None = None
    sha256: Annotated[str, StringConstraints(pattern=r"^([0-9A-Fa-f]{64})?$")] = ""
    strip: int = Field(default=0, ge=0, le=10)

    @field_validator("url", "checksum_url")
    @classmethod
    def _web(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("a url that begins with http:// or https://")
        address(url or "")
        _only([url or ""], ARCHIVE_PLACEHOLDERS, "an address")
        return url

    @model_validator(mode="after")
    def _vouched(self) -> Self:
        if (self.checksum_url is None) == (not self.sha256):
            raise ValueError("given either a checksum_url or a sha256")
        if self.sha256 and self.by_ref:
            raise ValueError("given a checksum_url: one sha256 cannot be that of every {ref}")
        return self

    @property
    def by_ref(self) -> bool:
        """Return whether there is an archive for each version."""
        return "ref" in _placeholders([self.url])


class AppSettings(_Table):
    """This is how one app is deployed on this server. Times are in seconds.

    `timeout` is for all of a deploy until it is live or has failed; what each program may take
    (`step_timeout`, and `timeout` of a step and of the health check) is within it.
    """

    path: Path
    repository: str | None = None
    archive: ArchiveSettings | None = None
    fetch: Argv | None = None
    ref: Ref = "HEAD"
    steps: tuple[StepSettings, ...] = ()
    restart: Argv | None = None
    health: HealthSettings | None = None
    shared: tuple[str, ...] = ()
    keep: int = Field(default=5, ge=1)
    timeout: Annotated[Seconds, Field(le=LONGEST)] = 3600.0
    step_timeout: Seconds = 900.0
    grace: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    env: Mapping[VariableName, SecretStr] = Field(default_factory=dict)
    pass_env: tuple[VariableName, ...] = ()
    secrets: tuple[VariableName, ...] = ()
    show: tuple[VariableName, ...] = ()

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        if not path.is_absolute() or path == Path(path.anchor):
            raise ValueError("the absolute path of a folder of its own, such as /srv/shop")
        return path

    @field_validator("repository")
    @classmethod
    def _no_option(cls, repository: str | None) -> str | None:
        if repository is not None and (not repository or repository.startswith("-")):
            raise ValueError("the address or the path of a git repository")
        address(repository or "")
        return repository

    @field_validator("shared")
    @classmethod
    def _inside(cls, shared: tuple[str, ...]) -> tuple[str, ...]:
        for name in shared:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or not path.parts:
                raise ValueError("paths inside a release, such as config/.env or log/")
        return shared

    @model_validator(mode="after")
    def _within(self) -> Self:
        given = {f"the timeout of {step.label}": step.timeout or 0.0 for step in self.steps}
        if "step_timeout" in self.model_fields_set:
            given["step_timeout"] = self.step_timeout
        if self.health is not None and "timeout" in self.health.model_fields_set:
            given["the timeout of health"] = self.health.timeout
        for what, seconds in given.items():
            if seconds > self.timeout:
                raise ValueError(
                    f"given a timeout of at least {seconds:g} s: {what} is longer than the whole"
                    f" deploy may take ({self.timeout:g} s)"
                )
        return self

    @property
    def step_limit(self) -> Limit:
        """Return how long a program may take that has no limit of its own."""
        if self.step_timeout > self.timeout:
            return Limit(self.timeout, "timeout")
        return Limit(self.step_timeout, "step_timeout")

    @property
    def rollback_time(self) -> float:
        """Return the seconds that a deploy which failed, or exceeded its time, may still take to
        roll back."""
        programs = 2 if self.health is not None and self.health.command else 1
        again = self.step_limit.seconds if self.restart else 0.0
        health = self.health.timeout if self.health else 0.0
        return again + health + (programs + 1) * (self.grace + KILLED_WITHIN)

    @model_validator(mode="after")
    def _shown_or_not(self) -> Self:
        both = sorted({*self.show} & {*self.secrets})
        if both:
            raise ValueError(f"in only one of secrets and show: {both[0]} is in both")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if [self.repository, self.archive, self.fetch].count(None) != 2:
            raise ValueError("given one of a repository, an archive or a program to fetch with")
        known = set(PLACEHOLDERS) if self.repository else set(PLACEHOLDERS) - {"commit"}
        live = known & set(LIVE_PLACEHOLDERS)
        _only(self.fetch or (), known, "given a fetch")
        _only((word for step in self.steps for word in step.run), known, "given steps")
        _only(self.restart or (), live, "given a restart")
        if self.health is not None:
            asked = (self.health.url or "", self.health.contains, *(self.health.command or ()))
            _only(asked, live, "given a health check")
        return self

    def variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return what programs get in addition: what `pass_env` names of `environ`, and `env`."""
        passed = {name: environ[name] for name in self.pass_env if name in environ}
        return {**passed, **{name: value.get_secret_value() for name, value in self.env.items()}}

    def masked(
        self, variables: Mapping[str, str], known: Collection[str], exists: Callable[[str], bool]
    ) -> list[str]:
        """Return what must be masked in output, if programs get `variables`: see masking."""
        archive = (self.archive.url, self.archive.checksum_url or "") if self.archive else ()
        health = self.health.url or "" if self.health else ""
        words = (self.repository or "", *archive, health)
        return [
            *(secret for word in words for secret in passwords(word)),
            *secret_values(
                variables, secrets=self.secrets, show=self.show, known=known, exists=exists
            ),
        ]


class DeploySettings(RootModel[dict[Name, AppSettings]]):
    """These are the apps that this server deploys, by name."""

    root: dict[Name, AppSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        owner: dict[Path, str] = {}
        for app, settings in self.root.items():
            if settings.path in owner:
                raise ValueError(
                    f"a path for each app: {owner[settings.path]} and {app} have the same"
                )
            owner[settings.path] = app
        return self
