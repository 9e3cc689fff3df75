"""THE BUS. Exchanges, messages, consumers, services. Knows nothing of chat or of a database
server."""

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
