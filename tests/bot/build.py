"""Short ways to make the values that these tests are about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar

from baton.bus.facts import Facts
from baton.bus.messages import Person, Pong, State, Update
from baton.command import Command, KnownServer, Reach
from baton.fields import Host, Name, Positional, Ref
from bot.jobs import Job, Place, RunRecord

T0 = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ANN = Person(id="U_ANN", name="ann")
OPS = Place("slack", "C_OPS", name="ops")


class Ship(Command):
    """Put an app on the servers of an environment."""

    name: ClassVar[str] = "ship"
    app: Name
    environment: Name
    ref: Ref | None = None
    host: Host | None = None


class Hail(Command):
    """Ask every server of an environment."""

    name: ClassVar[str] = "hail"
    reach: ClassVar[Reach] = Reach.ALL
    changes: ClassVar[bool] = False
    environment: Name
    host: Annotated[Host | None, Positional] = None


def after(seconds: float) -> datetime:
    """So many seconds after the ask."""
    return T0 + timedelta(seconds=seconds)


def server(host: str, environment: str = "prod", *apps: str, missing: bool = False) -> KnownServer:
    """A server that was heard."""
    return KnownServer(Facts(host=host, environment=environment, apps=apps), 1.0, missing)


def job(command: Command | None = None, **changes: Any) -> Job:
    """A job of ann's."""
    command = command or Ship(app="shop", environment="prod")
    values: dict[str, Any] = {
        "id": "j0b00001",
        "key": "trigger-1",
        "command": command.name,
        "arguments": command.model_dump(mode="json"),
        "title": command.title(),
        "environment": "prod",
        "app": "shop",
        "asked_by": ANN,
        "place": OPS,
        "asked": T0,
    }
    return Job(**{**values, **changes})


def run(host: str = "web-1", state: State = State.QUEUED, **changes: Any) -> RunRecord:
    """A run of that job."""
    values: dict[str, Any] = {
        "job": "j0b00001",
        "host": host,
        "request": f"r-{host}",
        "attempt": 1,
        "deadline": after(60),
        "timeout": 900.0,
        "state": state,
    }
    return RunRecord(**{**values, **changes})


def update(sequence: int, state: State = State.RUNNING, text: str = "", **changes: Any) -> Update:
    """What web-1 says of it."""
    values: Mapping[str, Any] = {
        "job": "j0b00001",
        "request": "r-web-1",
        "host": "web-1",
        "environment": "prod",
        "command": "ship",
        "sequence": sequence,
        "state": state,
        "text": text,
    }
    return Update(**{**values, **changes})


def pong(host: str = "web-1") -> Pong:
    """The answer of a server to a ping."""
    return Pong(job="j0b00001", request="r", facts=Facts(host=host, environment="prod"))
