"""A viewer as the authorizer knows those who read."""

from __future__ import annotations

from datetime import datetime

from bot.dispatch.authorizer import Authorizer, Reader
from bot.dispatch.context import CommandContext, Invocation
from bot.web.console.access import Viewer


def context_of(viewer: Viewer, at: datetime) -> CommandContext:
    """Return `viewer` as one who asks something at `at`, as handlers get it."""
    return CommandContext(Invocation("", viewer.person, viewer.place, "", at), viewer.groups)


def reader_of(authorizer: Authorizer, viewer: Viewer, by: str, at: datetime) -> Reader:
    """Return `viewer` as a reader of what the command `by` shows in chat."""
    return authorizer.reader(by, context_of(viewer, at))


def note_of(reader: Reader, what: str, count: int | None = None) -> str:
    """Return `3 jobs left out: you are not allowed to read them`, or nothing: as chat says it."""
    return reader.left_out_note(what, count).removeprefix("; ")
