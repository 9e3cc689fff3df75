"""The interface for authors of extensions, imported from the modules that define the names.

A name is imported when it is asked for: `baton ...` looks for its own packages before it loads any.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baton.agent.manager import ConsumerManager
    from baton.agent.service import Service
    from baton.bus.api import API
    from baton.bus.channel import Channel
    from baton.bus.connect import connect
    from baton.bus.facts import Facts
    from baton.bus.messages import Cancel, Heartbeat, Person, Pong, Request, State, Update
    from baton.command import Command, Reach
    from baton.consumer import Consumer, Extension
    from baton.errors import BatonError, Blocked, Failed, Refused, UsageError
    from baton.fields import Host, Name, Positional, Ref
    from baton.monitor import Monitor
    from baton.observer import Observable, Observer
    from baton.outcome import Answer, Outcome, RunReport
    from baton.run import Run
    from baton.server import Server

__all__ = [
    "API",
    "Answer",
    "BatonError",
    "Blocked",
    "Cancel",
    "Channel",
    "Command",
    "Consumer",
    "ConsumerManager",
    "Extension",
    "Facts",
    "Failed",
    "Heartbeat",
    "Host",
    "Monitor",
    "Name",
    "Observable",
    "Observer",
    "Outcome",
    "Person",
    "Pong",
    "Positional",
    "Reach",
    "Ref",
    "Refused",
    "Request",
    "Run",
    "RunReport",
    "Server",
    "Service",
    "State",
    "Update",
    "UsageError",
    "connect",
]

_HOMES = {
    "API": "baton.bus.api",
    "Answer": "baton.outcome",
    "BatonError": "baton.errors",
    "Blocked": "baton.errors",
    "Cancel": "baton.bus.messages",
    "Channel": "baton.bus.channel",
    "Command": "baton.command",
    "Consumer": "baton.consumer",
    "ConsumerManager": "baton.agent.manager",
    "Extension": "baton.consumer",
    "Facts": "baton.bus.facts",
    "Failed": "baton.errors",
    "Heartbeat": "baton.bus.messages",
    "Host": "baton.fields",
    "Monitor": "baton.monitor",
    "Name": "baton.fields",
    "Observable": "baton.observer",
    "Observer": "baton.observer",
    "Outcome": "baton.outcome",
    "Person": "baton.bus.messages",
    "Pong": "baton.bus.messages",
    "Positional": "baton.fields",
    "Reach": "baton.command",
    "Ref": "baton.fields",
    "Refused": "baton.errors",
    "Request": "baton.bus.messages",
    "Run": "baton.run",
    "RunReport": "baton.outcome",
    "Server": "baton.server",
    "Service": "baton.agent.service",
    "State": "baton.bus.messages",
    "Update": "baton.bus.messages",
    "UsageError": "baton.errors",
    "connect": "baton.bus.connect",
}
"""Where each name of __all__ is defined."""


if not TYPE_CHECKING:  # a type checker goes by the imports above, and knows a misspelt name

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
