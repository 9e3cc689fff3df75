"""The audit log: every ask, allowed or refused, with what was said to it."""

from __future__ import annotations

from collections import Counter

import structlog

from bot.dispatch.context import Invocation
from bot.dispatch.policy import Refusal
from bot.dispatch.reply import Reply, refused
from bot.jobs import AuditEntry, Job
from bot.store.errors import DatabaseUnavailable
from bot.store.jobs.audit_entries import AuditEntries

log = structlog.get_logger(__name__)

MAX_WORDS = 1_000
"""Characters of a request that are recorded."""
MAX_REASON = 1_000
"""Characters of a verdict's reason that are recorded."""


class AuditLog:
    """Records what people ask in `stored`. Its methods raise DatabaseUnavailable, but for
    `write_or_log`."""

    def __init__(self, stored: AuditEntries) -> None:
        self._stored = stored
        self.counts: Counter[str] = Counter()
        """How many asks came to this bot, by verdict."""

    def entry(
        self,
        asked: Invocation,
        verdict: str,
        reason: str = "",
        *,
        job: str = "",
        environment: str = "",
    ) -> AuditEntry:
        """Count `asked`, and return what is to be recorded of it by whoever writes it."""
        self.counts[verdict] += 1
        return AuditEntry(
            asked.at,
            asked.asker,
            asked.place,
            shortened(asked.text, MAX_WORDS),
            verdict,
            shortened(reason, MAX_REASON),
            job,
            environment,
            asked.key,
        )

    def starting(self, asked: Invocation, job: Job, reason: str = "") -> AuditEntry:
        """Count `asked`, and return what is recorded of it with `job`, which it starts."""
        return self.entry(asked, "allowed", reason, job=job.id, environment=job.environment)

    async def write(
        self,
        asked: Invocation,
        verdict: str,
        reason: str = "",
        *,
        job: Job | None = None,
        environment: str = "",
    ) -> None:
        """Record `asked`: it was about `job`, or about `environment` (or several, with commas
        between)."""
        where = job.environment if job else environment
        name = job.id if job else ""
        await self._stored.add(self.entry(asked, verdict, reason, job=name, environment=where))

    async def refuse(
        self,
        asked: Invocation,
        refusal: Refusal,
        *,
        job: Job | None = None,
        environment: str = "",
    ) -> Reply:
        """Record that `asked` was refused, and return the reply that says so."""
        await self.write(asked, refusal.verdict, refusal.text, job=job, environment=environment)
        return refused(refusal, job.id if job else "")

    async def write_or_log(
        self, asked: Invocation, verdict: str, reason: str = "", *, environment: str = ""
    ) -> None:
        """Record an ask that starts nothing. Without the database it is answered all the same, and
        the log has it."""
        entry = self.entry(asked, verdict, reason, environment=environment)
        try:
            await self._stored.add(entry)
        except DatabaseUnavailable as error:
            log.error(
                "request not recorded",
                person=asked.asker.id,
                words=asked.text,
                verdict=verdict,
                reason=str(error),
            )

    async def started_by(self, key: str) -> AuditEntry | None:
        """Return the first entry of what the ask `key` started, if it started anything."""
        return await self._stored.first_of(key)

    async def recent(self, limit: int) -> list[AuditEntry]:
        """Return the last `limit` entries, the newest first."""
        return await self._stored.recent(limit)


def shortened(text: str, limit: int) -> str:
    """Return `text`, with an ellipsis in place of what is beyond `limit` characters."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
