"""The values of a job: the work that a runner is given, and what comes of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue
from pydantic_core import to_json

MOST_FACTS = 12_000
"""Bytes of JSON about artifacts in an update, at most: its facts may have 16 KB."""


class BuildRequest(Protocol):
    """A build request of PyBit, to be read only. A getter whose value is missing returns None."""

    def get_job_id(self) -> JsonValue:
        """Return the id of the job at PyBit, a number as a rule."""

    def get_package(self) -> JsonValue:
        """Return the name of the package."""

    def get_version(self) -> JsonValue:
        """Return the version of the package."""

    def get_arch(self) -> JsonValue:
        """Return the name of the architecture, or of the platform."""

    def get_suite(self) -> JsonValue:
        """Return the name of the suite."""

    def get_dist(self) -> JsonValue:
        """Return the name of the distribution."""

    def get_format(self) -> JsonValue:
        """Return the name of the format."""

    def get_buildenv(self) -> JsonValue:
        """Return the name of the build environment."""

    def stamp_request(self) -> JsonValue:
        """Stamp it with the time of now; return that."""

    def get_buildstamp(self) -> JsonValue:
        """Return when it was stamped; None if it never was."""

    def plain(self) -> Mapping[str, JsonValue]:
        """Return all that the request holds as plain JSON, without `py/object` and `py/id`:
        `job.packageinstance.package.name`, `transport.uri`, `timestamp` and so on."""


@dataclass(frozen=True, slots=True)
class Work:
    """A work is one job to do, as its runner sees it.

    `arguments` are what the runner declares and a person has filled in, validated; a build request
    has none. `build` is the build request of PyBit, if it was one.
    """

    id: str
    attempt: int
    queue: str
    runner: str
    arguments: Mapping[str, JsonValue] = field(default_factory=dict)
    build: BuildRequest | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A result is what a processor returns: the paths of the files that it made, as it named them,
    and a sentence for people, if it has one."""

    artifacts: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact is a file that was made and checked. `size` is in bytes; `link` is where to get
    it: a URL, or its path on the host `worker`."""

    path: str
    size: int
    sha256: str
    link: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """An outcome is what becomes of a job that succeeded: a line for people, and the artifacts."""

    text: str = ""
    artifacts: tuple[Artifact, ...] = ()

    @property
    def facts(self) -> dict[str, JsonValue]:
        """Return what an update says of it for programs."""
        listed: list[JsonValue] = []
        room = MOST_FACTS
        for one in self.artifacts:
            facts: dict[str, JsonValue] = {
                "path": one.path,
                "size": one.size,
                "sha256": one.sha256,
                "link": one.link,
            }
            room -= len(to_json(facts)) + 1
            if room < 0:
                break
            listed.append(facts)
        count = len(self.artifacts)
        return {"artifacts": listed, "artifacts_in_all": count} if count else {}
