"""`/console`: a link that signs its reader in to the console."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from bot.dispatch.audit_log import AuditLog
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.console_address import ConsoleAddress
from bot.dispatch.context import CommandContext
from bot.dispatch.reply import Reply, ReplyKind
from bot.jobs import CONSOLE
from bot.store.sign_ins.sign_in import SignInOwner
from bot.store.sign_ins.sign_in_store import LINK_LIFE, SignInStore

NO_CONSOLE = (
    "This bot has no console: it is turned off in baton.toml (enabled or console under [web])."
)
NO_ADDRESS = (
    "The address of the console is not known. Set url under [web] in baton.toml to the address "
    "that people open, such as https://baton.example.com."
)
ONLY_THERE = (
    "This address works only on the machine that the bot runs on. To open the console from other "
    "machines, set url under [web] in baton.toml."
)


class ConsoleCommand(BuiltinCommand):
    """Open the console in a browser: get a link that signs you in.

    The link works once, for 60 seconds, and only you see it.
    """

    name: ClassVar[str] = "console"
    example: ClassVar[str] = "/baton console"


class ConsoleHandler(Handler[ConsoleCommand]):
    """Gives people a link to the console at `address`, if there is one.

    A Reply is shown to nobody but the one who asked. The link is in no log and no audit entry.
    """

    def __init__(
        self, sign_ins: SignInStore, address: ConsoleAddress | None, audit: AuditLog
    ) -> None:
        self._sign_ins = sign_ins
        self._address = address
        self._audit = audit

    @override
    async def handle(self, command: ConsoleCommand, context: CommandContext) -> Reply:
        """Answer with a link."""
        asked = context.invocation
        problem = cannot_sign_in(self._address)
        if problem is None and asked.place.front == CONSOLE:
            problem = "You are already in the console."
        if problem is not None:
            await self._audit.write_or_log(asked, "unusable", problem)
            return Reply(problem, kind=ReplyKind.CONFLICT)
        address = self._address
        assert address is not None
        await self._audit.write(asked, "allowed")
        if not address.sign_in:
            return Reply(f"The console is at {address.url}. You need not sign in.")
        owner = SignInOwner(asked.asker, asked.place.directory)
        link = await self._sign_ins.new_link(owner)
        lines = [
            f"{address.url}/sign-in/{link}",
            f"This link signs you in to the console as {asked.asker.label}. It works once, within "
            f"{LINK_LIFE.total_seconds():.0f} seconds. Do not give it to anybody.",
        ]
        if address.local:
            lines.append(ONLY_THERE)
        return Reply("\n".join(lines))


def cannot_sign_in(address: ConsoleAddress | None) -> str | None:
    """Return why nobody can sign in to the console at `address`; None if people can."""
    if address is None:
        return NO_CONSOLE
    return None if address.url else NO_ADDRESS
