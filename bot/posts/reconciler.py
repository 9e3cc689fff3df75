"""Step 5 of the path (store and post): the posts are kept equal to what their sources say.

Each subject that has changed is read from the database, its posts are rendered and submitted to the
queue of its front end. Nothing is remembered here that is not in the database.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from bot.jobs import CONSOLE
from bot.posts.post_source import Desired, PostSink, PostSource
from bot.priority import ForegroundPriority
from bot.store import PostRow
from bot.store.errors import DatabaseUnavailable
from bot.store.post_store import PostStore

log = structlog.get_logger(__name__)

INTERVAL, MAX_INTERVAL, REST_FACTOR = 0.1, 1.0, 3.0
"""Seconds between two rounds: changes meanwhile are merged. A round that took long, as for a job of
a thousand servers, is followed by a pause of REST_FACTOR times its duration, up to
MAX_INTERVAL."""
RETRY_DELAY = 0.5
BATCH_SIZE = 50
"""Subjects that are read at once, at most."""


@dataclass(frozen=True, slots=True)
class _Rendered:
    """What was rendered last for a subject."""

    source: PostSource
    revision: int
    awaited: bool


class PostReconciler:
    """Keeps the posts about the subjects of `sources` equal to what these desire. `sinks` are where
    posts are shown, by the name of the front end; they may come and go."""

    def __init__(
        self,
        sources: Sequence[PostSource],
        posts: PostStore,
        sinks: Mapping[str, PostSink],
        priority: ForegroundPriority | None = None,
    ) -> None:
        self._sources = sources
        self._posts = posts
        self._sinks = sinks
        self._priority = priority or ForegroundPriority()
        self._dirty: dict[str, None] = {}
        self._some = asyncio.Event()
        self._open: dict[str, _Rendered] = {}
        self._waiting: dict[str, set[str]] = {}
        """For each subject without a post yet: the subjects to be shown in its thread."""

    def mark_dirty(self, subject: str) -> None:
        """Have the posts of `subject` rendered again: it has changed."""
        self._dirty[subject] = None
        self._some.set()

    def mark_all_dirty(self) -> None:
        """Have the posts of every open subject rendered again."""
        for subject in self._open:
            self.mark_dirty(subject)

    def check_visibility(self) -> None:
        """Mark all subjects dirty of each source whose subjects look different now."""
        changed = [source for source in self._sources if source.looks_different()]
        for subject, rendered in self._open.items():
            if rendered.source in changed:
                self.mark_dirty(subject)

    async def sync_revisions(self) -> None:
        """Mark each subject dirty that another bot has changed or reported. Raises
        DatabaseUnavailable."""
        for source in self._sources:
            revisions = await source.unreported()
            for subject, revision in revisions.items():
                rendered = self._open.get(subject)
                if rendered is None or rendered.revision < revision:
                    self.mark_dirty(subject)
            for subject, rendered in self._open.items():
                if rendered.source is source and subject not in revisions:
                    self.mark_dirty(subject)

    def posts_up_to_date(self, subject: str) -> None:
        """Take note that every post about `subject` shows what is desired."""
        rendered = self._open.get(subject)
        if rendered is not None and rendered.awaited:
            self.mark_dirty(subject)
        for under in self._waiting.pop(subject, ()):
            self.mark_dirty(under)

    def reset(self) -> None:
        """Forget everything: another bot leads from now on."""
        self._open.clear()
        self._dirty.clear()
        self._waiting.clear()
        for source in self._sources:
            source.reset()

    async def run(self) -> None:
        """Reconcile until cancelled, beginning with what another bot has left."""
        await self._sync_at_start()
        while True:
            await self._some.wait()
            self._some.clear()
            begun = time.monotonic()
            subjects, self._dirty = list(self._dirty), {}
            for start in range(0, len(subjects), BATCH_SIZE):
                await self._priority.yield_to_foreground()
                try:
                    await self._reconcile(subjects[start : start + BATCH_SIZE])
                except DatabaseUnavailable as error:
                    log.warning("cannot read from the database, will retry", error=str(error))
                    for left in subjects[start:]:
                        self.mark_dirty(left)
                    await asyncio.sleep(RETRY_DELAY)
                    break
            took = time.monotonic() - begun
            await asyncio.sleep(min(max(INTERVAL, took * REST_FACTOR), MAX_INTERVAL))

    async def _sync_at_start(self) -> None:
        while True:
            try:
                await self.sync_revisions()
            except DatabaseUnavailable as error:
                log.warning("cannot read from the database, will retry", error=str(error))
                await asyncio.sleep(RETRY_DELAY)
            else:
                return

    async def _reconcile(self, subjects: Sequence[str]) -> None:
        """Submit the posts of these, and report to the sources those that are shown already."""
        found = await self._read(subjects)
        for missing in set(subjects) - found.keys():
            self._drop(missing)
        new = [subject for subject, (_, desired) in found.items() if self._needs_rows(desired)]
        rows = await self._posts.of_jobs(new)
        shown: dict[PostSource, list[Desired]] = {source: [] for source in self._sources}
        for subject, (source, desired) in found.items():
            if await self._is_shown(source, desired, rows.get(subject, ())) and desired.awaited:
                shown[source].append(desired)
        for source, some in shown.items():
            for subject in await source.mark_reported(some) if some else ():
                self._drop(subject)

    async def _read(self, subjects: Sequence[str]) -> dict[str, tuple[PostSource, Desired]]:
        """Return what these must show, each with its source. If that is not known yet, it is the
        first that knows the subject."""
        found: dict[str, tuple[PostSource, Desired]] = {}
        for source in self._sources:
            its = [one for one in subjects if one not in found and self._may_be_of(source, one)]
            for desired in await source.read(its) if its else ():
                found[desired.subject.id] = source, desired
        return found

    def _may_be_of(self, source: PostSource, subject: str) -> bool:
        rendered = self._open.get(subject)
        return rendered is None or rendered.source is source

    def _needs_rows(self, desired: Desired) -> bool:
        """Return whether the sink needs the rows of its posts from the database."""
        sink = self._sinks.get(desired.subject.place.front)
        return sink is not None and not sink.knows(desired.subject.id)

    async def _is_shown(
        self, source: PostSource, desired: Desired, rows: Iterable[PostRow]
    ) -> bool:
        """Submit the posts of a subject; return whether they are shown already. An unexpected error
        leaves them as they are until the subject changes, and does not stop the others."""
        subject = desired.subject
        self._open[subject.id] = _Rendered(source, desired.revision, desired.awaited)
        try:
            return await self._submit(desired, rows)
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("unexpected error while rendering posts", subject=subject.id)
            self._open[subject.id] = _Rendered(source, desired.revision, awaited=False)
            return False

    async def _submit(self, desired: Desired, rows: Iterable[PostRow]) -> bool:
        subject = desired.subject
        if subject.place.front == CONSOLE:
            return True  # its pages are drawn when they are read: what is stored counts as shown
        sink = self._sinks.get(subject.place.front)
        if sink is None:
            # left alone until it changes: a bot with that front end will post it
            return False
        if desired.under:
            thread = await self._thread_under(desired.under)
            if thread is None:
                self._waiting.setdefault(desired.under, set()).add(subject.id)
                return False
            subject = replace(subject, place=replace(subject.place, thread=thread))
        return sink.submit(subject, await desired.render(), {row.key: row for row in rows})

    async def _thread_under(self, subject: str) -> str | None:
        """Return the thread under the post of `subject`: None if there is none yet, an empty string
        if there never will be one."""
        rows = await self._posts.of_job(subject)
        row = next((row for row in rows if row.key == subject), None)
        if row is None:
            return None if await self._read([subject]) else ""
        if row.status == "given_up":
            return ""
        return row.ref if row.status == "shown" else None

    def _drop(self, subject: str) -> None:
        self._open.pop(subject, None)
        for sink in self._sinks.values():
            sink.discard(subject)
