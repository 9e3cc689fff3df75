"""What the console is made of: one value that `bot.app` fills and every part takes from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.dead_letters import DeadLetters
from bot.dispatch.dispatcher import CommandDispatcher
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.dispatch.live_commands import LiveCommands
from bot.servers.registry import ServerRegistry
from bot.store import Store
from bot.web.console.access import Access
from bot.web.console.sign_in.slack_openid import SlackOpenId
from bot.web.console.sources import AlertSource, MessageAddress, ScheduleRecords
from bot.web.status import StatusReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleParts:
    """What the console reads and asks. `url` is the address at which people open it, without a
    slash at the end. `alerts` is None if this bot has none; `openid` is how people sign in with
    Slack, if they can; `message_address` is where messages of the chat are opened, if it has such
    addresses."""

    url: str
    access: Access
    store: Store
    dispatcher: CommandDispatcher
    commands: LiveCommands
    letters: DeadLetters
    servers: ServerRegistry
    authorizer: Authorizer
    schedules: ScheduleRecords
    freezes: FreezesInForce
    alerts: AlertSource | None
    audit: AuditLog
    status: StatusReader
    clock: Callable[[], datetime]
    stopping: asyncio.Event
    """Set when the bot stops: open streams must end."""
    openid: SlackOpenId | None = None
    message_address: MessageAddress | None = None
