"""A Slack for tests of bots: Web API and Socket Mode on loopback, strict, with faults to inject.

server      a workspace: start one, and point the client of the bot at it
person      people who type commands, press buttons, fill in forms and write messages
workspace   channels, messages, files, groups
faults      what can go wrong: 429, errors, answers that are lost, come late or never
rates       Slack's limits of calls           sockets    how connections are refreshed and lost
manifest    what the app may do, by its manifest.yml

It knows nothing of Baton, and needs the extra `slack-testing`. docs/slack-testing.md shows how to
use it.
"""

from baton_slack_testing.calls import Call
from baton_slack_testing.delivery import Delivery
from baton_slack_testing.faults import (
    Fails,
    Hang,
    LostRequest,
    LostResponse,
    RateLimited,
    ServerError,
    Slow,
)
from baton_slack_testing.manifest import Manifest
from baton_slack_testing.person import Person, Reply
from baton_slack_testing.rates import RateLimits
from baton_slack_testing.server import SlackServer
from baton_slack_testing.sockets import SocketSettings
from baton_slack_testing.workspace import Channel, Ephemeral, File, Message

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
