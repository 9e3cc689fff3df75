"""The immediate reply to a request. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from baton.errors import UsageError
from baton.outcome import Answer
from bot.dispatch.policy import Refusal


class ReplyKind(StrEnum):
    """What became of what was asked. Chats show the words of a reply; a program decides by this."""

    DONE = "done"
    """It was answered or carried out."""
    STARTED = "started"
    """It started a job."""
    REFUSED = "refused"
    """The person is not allowed to."""
    UNDECIDED = "undecided"
    """It cannot be known now whether the person is allowed to."""
    UNUSABLE = "unusable"
    """The words cannot be followed: `field` says which, if it is one field of a command."""
    CONFLICT = "conflict"
    """The words are right, but things are not so that it can be done now."""
    LIMITED = "limited"
    """The person asks too often: the next request may come after `seconds`."""
    UNAVAILABLE = "unavailable"
    """A part that it needs, such as the database, cannot be used now."""
    FAILED = "failed"
    """It was tried and did not succeed, or the bot itself has a fault."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the one who asked has yet to say: one of `choices` (each a label and a word), and, in
    words of their own, a `reason`, which stands there until they say another. The dispatcher is
    then asked `ask`, followed by `for` the choice, `because` of the reason. `text` says what will
    come of it."""

    title: str
    text: str
    ask: str
    choices: tuple[tuple[str, str], ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The immediate reply to a request; nobody else sees it.

    `job` is set if a job was started or is meant. `field` belongs to an unusable reply, `seconds`
    to a limited one. A front end that can show the `form` does so in place of the text. `form_of`
    are words that begin a command, of help or of what cannot be followed: a form of that command
    would help.
    """

    text: str = ""
    answer: Answer | None = None
    kind: ReplyKind = ReplyKind.DONE
    job: str = ""
    form: Form | None = None
    form_of: str = ""
    field: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it was done or has started."""
        return self.kind in (ReplyKind.DONE, ReplyKind.STARTED)


def started(job: str, text: str = "") -> Reply:
    """Return the reply that says that `job` has started."""
    return Reply(text, kind=ReplyKind.STARTED, job=job)


def refused(refusal: Refusal, job: str = "") -> Reply:
    """Return the reply to somebody who may not do what they asked."""
    return Reply(refusal.text, kind=ReplyKind(refusal.verdict), job=job)


def unusable(error: UsageError, note: str = "", form_of: str = "") -> Reply:
    """Return the reply to words that cannot be followed; `note` stands after them."""
    return Reply(f"{error}{note}", kind=ReplyKind.UNUSABLE, field=error.field, form_of=form_of)
