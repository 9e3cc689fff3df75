"""`/token`: tokens with which programs, and the command line, use the console's API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from baton.errors import UsageError
from baton.fields import Name, Positional
from baton.outcome import Answer, duration
from baton.text.words import cited, did_you_mean
from bot.builtins.console import cannot_sign_in
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.console_address import ConsoleAddress
from bot.dispatch.context import CommandContext
from bot.dispatch.reply import Reply, ReplyKind
from bot.jobs import CONSOLE
from bot.store.sign_ins.sign_in import NameInUse, SignIn, SignInOwner, TooManyTokens
from bot.store.sign_ins.sign_in_store import SignInStore

MAX_DAYS = 366
_MAY = {"read": "only read", "ask": "read and run"}


class TokenCommand(BuiltinCommand):
    """Make a token for the command line or for a program, list your tokens, or revoke one.

    A program with the token may do what you may do: with the scope `read` only read, with `ask`
    also run commands. It is shown once. Revoke it as soon as it is not needed, or if somebody else
    may have seen it.
    """

    name: ClassVar[str] = "token"
    example: ClassVar[str] = "/baton token new laptop --scope ask --days 90"
    action: Literal["new", "list", "revoke"]
    token: Annotated[Name | None, Positional] = Field(
        default=None, description="the name of the token"
    )
    scope: Literal["read", "ask"] = Field(
        default="read", description="read, or ask (read and run commands; default: read)"
    )
    days: int = Field(
        default=30, ge=1, le=MAX_DAYS, description="days until it expires (default: 30)"
    )

    @classmethod
    def usage(cls) -> str:
        """Return the usage line."""
        return "/token new NAME [--scope read|ask] [--days N] | list | revoke NAME"


class TokenHandler(Handler[TokenCommand]):
    """Makes, lists and revokes the tokens of whoever asks.

    A Reply is shown to nobody but the one who asked. The token is in no log and no audit entry.
    """

    def __init__(
        self,
        sign_ins: SignInStore,
        address: ConsoleAddress | None,
        audit: AuditLog,
        clock: Callable[[], datetime],
    ) -> None:
        self._sign_ins = sign_ins
        self._address = address
        self._audit = audit
        self._clock = clock

    @override
    async def handle(self, command: TokenCommand, context: CommandContext) -> Reply:
        """Answer what the action is. Raises UsageError."""
        _refuse_extra_words(command)
        if command.action == "list":
            return await self._list(context)
        if command.token is None:
            problem = f"Which token? /token {command.action} NAME"
            raise UsageError(problem, field="token")
        if command.action == "revoke":
            return await self._revoke(command.token, context)
        return await self._new(command, command.token, context)

    async def _new(self, command: TokenCommand, name: str, context: CommandContext) -> Reply:
        asked = context.invocation
        problem = cannot_sign_in(self._address)
        if problem is None and asked.place.front == CONSOLE:
            # who has stolen a session or a token is not to keep a way in that outlives it
            problem = "Ask for a token in chat: /baton token new NAME. The console makes none."
        if problem is not None:
            await self._audit.write_or_log(asked, "unusable", problem)
            return Reply(problem, kind=ReplyKind.CONFLICT)
        address = self._address
        assert address is not None
        await self._audit.write(asked, "allowed")
        if not address.sign_in:
            return Reply(f"The console at {address.url} needs no token.")
        owner, life = SignInOwner(asked.asker, asked.place.directory), timedelta(days=command.days)
        try:
            secret, token = await self._sign_ins.new_token(owner, name, command.scope, life)
        except (NameInUse, TooManyTokens) as error:
            return Reply(str(error), kind=ReplyKind.CONFLICT)
        summary = (
            f"With the token {name} a program may {_MAY[command.scope]} what you may, at "
            f"{address.url}, until {token.expires:%Y-%m-%d}. It is shown only now. Keep it as you "
            "keep a password."
        )
        return Reply(answer=Answer(summary, document=secret))

    async def _list(self, context: CommandContext) -> Reply:
        asked = context.invocation
        await self._audit.write_or_log(asked, "answered")
        tokens = await self._tokens(context)
        if not tokens:
            return Reply("You have no tokens. Make one: /token new NAME")
        at = self._clock()
        rows = tuple(_row(token, at) for token in tokens)
        count = "1 token" if len(rows) == 1 else f"{len(rows)} tokens"
        columns = ("name", "scope", "last used", "expires (UTC)")
        return Reply(answer=Answer(f"You have {count}.", columns, rows))

    async def _revoke(self, name: str, context: CommandContext) -> Reply:
        asked = context.invocation
        revoked = await self._sign_ins.revoke_token(asked.place.directory, asked.asker.id, name)
        if revoked is None:
            hint = did_you_mean(name, [token.name for token in await self._tokens(context)])
            raise UsageError(f"You have no token called {cited(name)}.{hint} See /token list.")
        await self._audit.write_or_log(asked, "allowed")
        return Reply(f"Revoked: the token {name} works no more.")

    async def _tokens(self, context: CommandContext) -> list[SignIn]:
        asked = context.invocation
        return await self._sign_ins.of_person(asked.place.directory, asked.asker.id, "token")


def _refuse_extra_words(command: TokenCommand) -> None:
    """Raises UsageError if there are words that the action would not heed."""
    used = {"new": ("token", "scope", "days"), "revoke": ("token",), "list": ()}
    for field, info in TokenCommand.model_fields.items():
        heeded = field in ("action", *used[command.action])
        if not heeded and getattr(command, field) != info.default:
            shown = "name" if field == "token" else f"--{field}"
            problem = f"/token {command.action} takes no {shown}."
            raise UsageError(problem, f"Usage: {TokenCommand.usage()}", field)


def _row(token: SignIn, at: datetime) -> tuple[str, ...]:
    used = "never"
    if token.used > token.created:
        used = f"{duration((at - token.used).total_seconds())} ago"
    return (token.name, token.scope, used, f"{token.expires:%Y-%m-%d %H:%M}")
