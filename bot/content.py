"""The content of posts, for every chat. Values only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from alerts import AlertContent
from baton.bus.messages import State

FLEET = "*"
"""Stands for all servers of a job, where the name of one is expected."""
CANCEL = "cancel"
"""The action of the button that cancels a job."""
FORM = "form"
"""The action of the button that opens the form of a command."""
ASK = "ask"
"""The prefix of the actions of buttons whose value is run as if it had been typed."""


@dataclass(frozen=True, slots=True)
class Row:
    """The state of a job on one server."""

    host: str
    state: State
    text: str = ""
    percent: int | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a post. `confirm` is the question that has to be answered first, if any."""

    action: str
    label: str
    value: str
    confirm: str = ""
    danger: bool = False


@dataclass(frozen=True, slots=True)
class JobContent:
    """The post of a job in the channel: who ran what, and its state on each server; or the post of
    a day of `schedule`, whose summary says everything.

    `shown_in_thread` are the servers whose output stands in its thread, or FLEET for all of them
    together. `page` is the address of its page in the console, if it has one; where the console is
    does not change the content, so posts are not edited for that.
    """

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
    shown_in_thread: tuple[str, ...] = field(default=(), repr=False)
    page: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class OutputContent:
    """A post in the thread: the output of one server. `text` is the end of it, without the headline
    if that was its last line; `hidden` counts the lines before it that are not shown."""

    host: str
    state: State
    headline: str
    text: str = ""
    hidden: int = 0
    job: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Servers with the same result: the headline says which and on how many, `servers` names them.
    `text` is the end of the output of one of them, `host`; `hidden` counts the lines before it that
    are not shown."""

    state: State
    headline: str
    servers: str
    host: str = ""
    text: str = ""
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class FleetContent:
    """A post in the thread of a job of many servers: their results in groups, failures first.
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
    """A post of one sentence, such as a failure of `job` that the whole channel reads."""

    text: str
    state: State
    job: str = ""


Content = JobContent | OutputContent | FleetContent | FileContent | NoticeContent | AlertContent


@dataclass(frozen=True, slots=True)
class Post:
    """A chat message that the bot must show. `key` names it for ever.

    `parent` is the key of the post in whose thread it stands; `broadcast` shows such a post in the
    channel too. `closing` posts carry a final state: they go before others when the front end
    limits us. A `pinned` one is kept in sight.

    `desired_since` is when it became as it is, in Unix seconds, if people are to read that it came
    late; `updates` counts the changes that it brings. A new post may wait until `hold_until`, in
    Unix seconds too, for its end, so that both are one message. One with `slow_edits` is edited
    less often the older it is, until it ends: many servers make many changes.
    """

    key: str
    content: Content
    parent: str = ""
    broadcast: bool = False
    closing: bool = False
    pinned: bool = False
    desired_since: float = 0.0
    updates: int = 1
    hold_until: float = 0.0
    slow_edits: bool = False
    digest: str = field(init=False, compare=False, repr=False)
    """Changes exactly when the content changes."""

    def __post_init__(self) -> None:
        shown = repr(self.content).encode(errors="surrogatepass")
        object.__setattr__(self, "digest", hashlib.sha256(shown).hexdigest()[:24])
