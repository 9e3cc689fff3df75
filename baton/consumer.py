"""A consumer handles one command on an agent.

It is the end of step 3 of the path (run): `process_message` does the work of a command.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

from pydantic import BaseModel, ConfigDict, JsonValue

from baton.bus.exchanges import command_key
from baton.bus.facts import ReleaseFacts
from baton.bus.plans import SurveyFacts
from baton.command import Command
from baton.run import C, Run
from baton.server import Server


class NoSettings(BaseModel):
    """A consumer with this settings type takes no settings."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """A time limit says how long a run may take, in seconds, and which setting says so.

    `setting` is empty if none does. `rollback` is how many seconds more the run may take to undo
    what it did.
    """

    seconds: float
    setting: str = ""
    rollback: float = 0.0


class Consumer(ABC, Generic[C]):
    """A consumer does what one command requests, on this server.

    `settings_type` describes its table in the agent's settings, which has the name of its command
    unless `settings_table` names that of another one. One consumer serves all its runs, several at
    a time.
    """

    command: ClassVar[type[Command]]
    settings_type: ClassVar[type[BaseModel]] = NoSettings
    settings_table: ClassVar[str] = ""

    def __init__(self, server: Server, settings: Any = None) -> None:
        self.server = server
        self.settings = settings

    @property
    def consumer_name(self) -> str:
        """Return the name of its command."""
        return self.command.name

    @property
    def app_names(self) -> Iterable[str]:
        """Return the apps that its settings put on this server, in addition to those that the
        server names."""
        return ()

    def releases(self) -> Mapping[str, ReleaseFacts]:
        """Return what is live on this server, by app, as heartbeats tell it. It is called in a
        thread, about every heartbeat, and may read files."""
        return {}

    @property
    def routing_key(self) -> str:
        """Return the routing key of broadcasts of its command to this server's environment."""
        return command_key(self.consumer_name, self.server.environment)

    @property
    def routing_keys(self) -> tuple[str, ...]:
        """Return `routing_key`, and the same narrowed to each app on this server."""
        narrowed = (
            command_key(self.consumer_name, self.server.environment, app)
            for app in self.server.app_names
        )
        return (self.routing_key, *narrowed)

    @property
    def attributes(self) -> dict[str, JsonValue]:
        """Return facts that are sent with every message of its runs."""
        return {}

    def time_limit(self, run: Run[C]) -> TimeLimit:
        """Return how long `run` may take.

        By default the request says so; a consumer whose settings know better overrides this.
        """
        return TimeLimit(run.request.timeout)

    @property
    def settings_digests(self) -> Mapping[str, str]:
        """Return the digest of the settings of each app: equal ones mean equal settings.

        Heartbeats carry them, and what people approve names them.
        """
        return {}

    async def survey(self, command: C) -> SurveyFacts:
        """Return what `command` would do on this server, as far as it can be known without a
        change.

        A command that sets `surveys` overrides this. What is raised as BatonError is shown as the
        reason why it cannot be said.
        """
        return SurveyFacts()

    @abstractmethod
    async def process_message(self, run: Run[C]) -> None:
        """Do what `run.command` requests, and report the progress through `run`.

        Raise Failed or Refused with a reason for people; any other exception also fails the run.
        When the run is cancelled, CancelledError is raised here: stop what you started, then let it
        pass.
        """


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension is what an entry point of the group `baton.commands` names.

    It holds a command and, if servers run that command, its consumer.
    """

    command: type[Command]
    consumer: type[Consumer[Any]] | None = None
