"""Consumer: handles one command on an agent.

Step 3 of the path (doing) ends here: a command's own consumer does the work in `process_message`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

from pydantic import BaseModel, ConfigDict, JsonValue

from baton.bus.exchanges import command_key
from baton.command import Command
from baton.run import C, Run
from baton.server import Server


class NoSettings(BaseModel):
    """A consumer that is not configured."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """How long a run may take, in seconds, and the setting that says so, if one does. `rollback` is
    for how many seconds more it may undo what it did."""

    seconds: float
    setting: str = ""
    rollback: float = 0.0


class Consumer(ABC, Generic[C]):
    """Does what one command asks, on this server.

    `settings_type` describes the consumer's own table in the agent's configuration, named as the
    command is. One consumer serves all its runs, several at a time.
    """

    command: ClassVar[type[Command]]
    settings_type: ClassVar[type[BaseModel]] = NoSettings

    def __init__(self, server: Server, settings: Any = None) -> None:
        self.server = server
        self.settings = settings

    @property
    def consumer_name(self) -> str:
        """The name of its command."""
        return self.command.name

    @property
    def app_names(self) -> Iterable[str]:
        """Apps that its settings put on this server, beside those that the server names itself."""
        return ()

    @property
    def routing_key(self) -> str:
        """The broadcasts it hears: its command, to this server's environment."""
        return command_key(self.consumer_name, self.server.environment)

    @property
    def routing_keys(self) -> tuple[str, ...]:
        """`routing_key`, and the same narrowed to each app on this server."""
        narrowed = (
            command_key(self.consumer_name, self.server.environment, app)
            for app in self.server.app_names
        )
        return (self.routing_key, *narrowed)

    @property
    def attributes(self) -> dict[str, JsonValue]:
        """Facts that go with everything its runs say."""
        return {}

    def time_limit(self, run: Run[C]) -> TimeLimit:
        """How long `run` may take: by default what the request says, unless the settings of this
        server decide."""
        return TimeLimit(run.request.timeout)

    @abstractmethod
    async def process_message(self, run: Run[C]) -> None:
        """Do what `run.command` asks, and say through `run` how it goes.

        Raise Failed or Refused with a reason for people; anything else that is raised also fails
        the run. When the run is cancelled, CancelledError arrives here: stop what was started,
        then let it pass.
        """


@dataclass(frozen=True, slots=True)
class Extension:
    """What an entry point of the group `baton.commands` names: a command and, if servers do it,
    its consumer."""

    command: type[Command]
    consumer: type[Consumer[Any]] | None = None
