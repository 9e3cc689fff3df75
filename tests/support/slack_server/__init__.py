"""A Slack for tests: Web API and Socket Mode on loopback, strict, with faults to inject."""

from .calls import Call
from .delivery import Delivery
from .faults import (
    Fails,
    Hang,
    LostRequest,
    LostResponse,
    RateLimited,
    ServerError,
    Slow,
)
from .manifest import Manifest
from .person import Person, Reply
from .rates import RateLimits
from .server import SlackServer
from .sockets import SocketSettings
from .workspace import Channel, Ephemeral, File, Message

__all__ = [
    "Call",
    "Channel",
    "Delivery",
    "Ephemeral",
    "Fails",
    "File",
    "Hang",
    "LostRequest",
    "LostResponse",
    "Manifest",
    "Message",
    "Person",
    "RateLimited",
    "RateLimits",
    "Reply",
    "ServerError",
    "SlackServer",
    "Slow",
    "SocketSettings",
]
