"""`/versions`: which version of an app runs where, and why it is another one than it should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from baton.command import Known
from baton.errors import UsageError
from baton.fields import Name
from baton.outcome import Answer, named
from baton.text.printable import printable
from baton.text.words import did_you_mean
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.policy import AccessRequest
from bot.dispatch.reply import Reply
from bot.store.jobs.ledger import Ledger
from bot.versions import Version, versions

COLUMNS = ("host", "live", "since (UTC)", "before", "wanted", "why")


class VersionsCommand(BuiltinCommand):
    """Show which version of an app runs on each server, and why another one than wanted.

    What is live is what the agents see on their servers. What is wanted is what the latest deploy
    that succeeded has brought.
    """

    name: ClassVar[str] = "versions"
    example: ClassVar[str] = "/versions shop prod"

    app: Name = Field(description="the app")
    environment: Name = Field(description="the environment, such as prod")


class VersionsHandler(Handler[VersionsCommand]):
    """Compares what `known` servers report with what `ledger` has."""

    def __init__(
        self, known: Known, ledger: Ledger, authorizer: Authorizer, audit: AuditLog
    ) -> None:
        self._known = known
        self._ledger = ledger
        self._authorizer = authorizer
        self._audit = audit

    @override
    async def handle(self, command: VersionsCommand, context: CommandContext) -> Reply:
        """Answer. Raises UsageError for an app or an environment that no server has."""
        app, environment, asked = command.app, command.environment, context.invocation
        request = AccessRequest(command.name, environment, app, changes=False)
        refusal = await self._authorizer.refusal([request], asked.asker, context.groups)
        if refusal is not None:
            return await self._audit.refuse(asked, refusal, environment=environment)
        servers = [one for one in self._known.servers() if one.facts.environment == environment]
        if not servers:
            there = sorted({one.facts.environment for one in self._known.servers()})
            problem = f"Unknown environment “{environment}”.{did_you_mean(environment, there)}"
            raise UsageError(problem, f"Usage: {command.usage()}", "environment")
        jobs = await self._ledger.deploys(app, environment)
        found = versions(servers, app, jobs)
        if not found:
            apps = sorted({name for one in servers for name in one.facts.apps})
            problem = f"No server in {environment} has the app “{app}”.{did_you_mean(app, apps)}"
            raise UsageError(problem, f"Usage: {command.usage()}", "app")
        await self._audit.write_or_log(asked, "answered", environment=environment)
        rows = tuple(_row(one) for one in found)
        return Reply(answer=Answer(summary(app, environment, found), COLUMNS, rows))


def summary(app: str, environment: str, found: Sequence[Version]) -> str:
    """Return in a line what is live, and where it is not what is wanted."""
    counts = Counter(one.label or "nothing" for one in found)
    live = ", ".join(f"{version} on {count}" for version, count in counts.most_common(3))
    others = f" and {len(counts) - 3} more versions" if len(counts) > 3 else ""
    odd = [one.host for one in found if one.why]
    rest = f"; not what is wanted: {named(odd, 5)}" if odd else ""
    return f"{app} in {environment}: {live}{others}{rest}"


def _row(one: Version) -> tuple[str, ...]:
    live = one.live
    since = f"{live.since:%m-%d %H:%M}" if live and live.since else ""
    before = live.previous if live else ""
    return (
        one.host,
        one.label or "nothing",
        since,
        before.partition("-")[2] or before,
        one.wanted or "unknown",
        printable(one.why),
    )
