"""The protocol of front ends: what the bot needs of a chat. Slack and the terminal keep it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Protocol

from alerts import AlertContent
from baton.errors import BatonError
from baton.messages import State
from baton.outcome import Answer
from bot.jobs import Place

FLEET = "*"
"""Stands for all servers of a job where one could be named."""


@dataclass(frozen=True, slots=True)
class Row:
    """How it goes on one server."""

    host: str
    state: State
    text: str = ""
    percent: int | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """What may be pressed under a post; `confirm` is asked first."""

    action: str
    label: str
    value: str
    confirm: str = ""
    danger: bool = False


@dataclass(frozen=True, slots=True)
class JobContent:
    """The post of a job, in the channel: who asked what, and how it goes on each server. Or of a
    day of the `schedule` that is named: its summary says by itself how that went. `under` are the
    servers whose output stands in its thread, or FLEET for all of them together."""

    title: str
    asked_by: str
    summary: str
    state: State
    rows: tuple[Row, ...] = ()
    lines: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    job: str = ""
    hint: str = ""
    schedule: str = ""
    under: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class OutputContent:
    """A post in the thread: what one server says. `text` is the end of its output, without the
    headline if that was its last word; `hidden` counts the lines before it that are not shown."""

    host: str
    state: State
    headline: str
    text: str = ""
    hidden: int = 0
    job: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Servers of which the same is to be told: the headline says what and of how many, `servers`
    names them. `text` is the end of what `host`, one of them, said; `hidden` counts the lines
    before it that are not shown."""

    state: State
    headline: str
    servers: str
    host: str = ""
    text: str = ""
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class FleetContent:
    """A post in the thread of a job of many servers: what they say, in groups, failures first.
    `rest` says what is not shown."""

    state: State
    summary: str
    groups: tuple[Group, ...]
    rest: str = ""
    job: str = ""


@dataclass(frozen=True, slots=True)
class FileContent:
    """The whole output of `job`, of these servers, as a file called `name`."""

    name: str
    job: str
    hosts: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoticeContent:
    """A short word of its own, such as a failure of `job` said aloud in the channel."""

    text: str
    state: State
    job: str = ""


Content = JobContent | OutputContent | FleetContent | FileContent | NoticeContent | AlertContent


@dataclass(frozen=True, slots=True)
class Post:
    """A chat message that the bot wants: `key` names it for ever, `parent` is the key of the post
    under whose thread it goes. `broadcast` shows a thread's post in the channel too. `closing`
    posts carry a final state and go before others when the front end limits us. A `pinned` one is
    kept in sight. `wanted` is since when it is wanted as it is, in Unix seconds, if somebody is to
    hear that it came late; `updates` counts what it brings. `hold_until`, in Unix seconds too, is
    how long a new one may be held back for its end, so that both are said at once. One at its
    `leisure` is edited less often until it ends, and ever less: many servers make many changes."""

    key: str
    content: Content
    parent: str = ""
    broadcast: bool = False
    closing: bool = False
    pinned: bool = False
    wanted: float = 0.0
    updates: int = 1
    hold_until: float = 0.0
    leisure: bool = False
    digest: str = field(init=False, compare=False, repr=False)
    """Changes exactly when what is shown changes."""

    def __post_init__(self) -> None:
        shown = repr(self.content).encode(errors="surrogatepass")
        object.__setattr__(self, "digest", hashlib.sha256(shown).hexdigest()[:24])


@dataclass(frozen=True, slots=True)
class Limits:
    """How fast a front end may be used. Posts: to one channel; edits: in all channels together."""

    post_every: float
    post_burst: int
    edits_per_minute: int
    edit_every: float
    """Seconds between two edits of one post, so that a busy job does not eat the budget."""
    holds: bool = False
    """Whether new posts are held back for their end (see Post), because edits are dear."""
    files: bool = False
    """Whether a thread can have files."""


class Front(Protocol):
    """A chat that posts can be shown in. Every method may raise the errors below, and no others."""

    name: str
    limits: Limits

    async def post(self, place: Place, post: Post, *, thread: str) -> str:
        """Show `post` in `place`, under the message `thread` if one is named; returns the
        message's ref."""

    async def edit(self, place: Place, ref: str, post: Post) -> None:
        """Make the message `ref` show `post`."""

    async def pin(self, place: Place, ref: str) -> None:
        """Keep the message `ref` in sight; it may be so already."""

    async def find(self, place: Place, key: str, *, thread: str, since: float) -> str | None:
        """The ref of the message that was posted under `key`, or brought the file of that name,
        after `since` (Unix seconds), if there is one."""

    async def hand_over(self, place: Place, thread: str, name: str, text: str) -> None:
        """Give people `text` whole, as a file called `name`."""

    async def whisper(self, place: Place, person: str, text: str) -> None:
        """Tell `person` alone, by whatever way is open, even where `place` takes no posts."""


class FrontError(BatonError):
    """{front} did not take the message: {reason}."""


class Throttled(FrontError):
    """{front} asks us to wait {seconds} s."""

    def __init__(self, front: str, seconds: float) -> None:
        super().__init__(front=front, seconds=seconds)
        self.seconds = seconds


class Uncertain(FrontError):
    """{front} did not answer ({reason}): the message may be there or not."""


class Unreachable(FrontError):
    """{front} cannot be reached ({reason}): the message was not sent."""


class Gone(FrontError):
    """The message is no longer in {front}: somebody deleted it."""

    permanent = True


class Unpostable(FrontError):
    """{front} will not show this here: {reason}. {remedy}"""

    permanent = True


@dataclass(frozen=True, slots=True)
class Form:
    """What the one who asked has yet to say: one of `choices` (each a label and a word), and, in
    words of their own, a `reason`, which stands there until they say another. The desk is then
    asked `ask`, followed by `for` the choice, `because` of the reason. `text` says what will come
    of it."""

    title: str
    text: str
    ask: str
    choices: tuple[tuple[str, str], ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the one who asked is told at once, and nobody else sees.

    `ok` is false for bad input, a refusal or a fault of ours; `job` is set if a job was begun or
    is meant. A front end that can show the `form` does so in place of the text.
    """

    text: str = ""
    answer: Answer | None = None
    ok: bool = True
    job: str = ""
    form: Form | None = None
