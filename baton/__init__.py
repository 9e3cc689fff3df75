"""BATON. The contract of extension authors, handed on from where each name is defined.

A name is imported when it is asked for: `baton ...` looks for its own packages before it loads any.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baton.agent.manager import ConsumerManager
    from baton.agent.service import Service
    from baton.api import API
    from baton.bus.connect import connect
    from baton.channel import Channel
    from baton.command import Command, Reach
    from baton.consumer import Consumer, Extension
    from baton.errors import BatonError, Failed, Refused, UsageError
    from baton.fields import Host, Name, Positional, Ref
    from baton.messages import Cancel, Facts, Heartbeat, Person, Pong, Request, State, Update
    from baton.observer import Observable, Observer
    from baton.outcome import Answer, Outcome, RunReport
    from baton.run import Run
    from baton.server import Server

__all__ = [
    "API",
    "Answer",
    "BatonError",
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
    "API": "baton.api",
    "Answer": "baton.outcome",
    "BatonError": "baton.errors",
    "Cancel": "baton.messages",
    "Channel": "baton.channel",
    "Command": "baton.command",
    "Consumer": "baton.consumer",
    "ConsumerManager": "baton.agent.manager",
    "Extension": "baton.consumer",
    "Facts": "baton.messages",
    "Failed": "baton.errors",
    "Heartbeat": "baton.messages",
    "Host": "baton.fields",
    "Name": "baton.fields",
    "Observable": "baton.observer",
    "Observer": "baton.observer",
    "Outcome": "baton.outcome",
    "Person": "baton.messages",
    "Pong": "baton.messages",
    "Positional": "baton.fields",
    "Reach": "baton.command",
    "Ref": "baton.fields",
    "Refused": "baton.errors",
    "Request": "baton.messages",
    "Run": "baton.run",
    "RunReport": "baton.outcome",
    "Server": "baton.server",
    "Service": "baton.agent.service",
    "State": "baton.messages",
    "Update": "baton.messages",
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
