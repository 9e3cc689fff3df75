"""Admission: decides what an interaction in Slack asks for, if it asks for anything. Pure.

Slash commands, mentions, direct messages, button presses and forms all come through here, and
each answers four questions, in this order: is it one of us? is it said to us? have we had it? what
are the words? Whether the person is allowed to do it is the dispatcher's decision.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from baton.bus.messages import Person, Standing
from baton.errors import BatonError
from baton.text.words import after_name, tidied, unescaped, unmarked
from bot.fronts.slack.listeners.payloads import ButtonPress, Interaction, TypedCommand
from bot.fronts.slack.web_api.identity import BotIdentity
from bot.jobs import AuditEntry, Place, short_id

MAX_TYPED = 4000
"""Characters that may be asked at once."""
_MOST_READ = 3 * MAX_TYPED
"""Characters of a message that are looked at, escapes and what cannot be seen included."""
_QUOTE = "&gt;"
"""A `>`, as Slack writes it; at the beginning of a line it makes a quote."""
_EMPHASIS = ("*", "_")
_STRUCK = "~"
"""What stands between two of these is struck out: it was taken back."""
_SLACKBOT = "USLACKBOT"

TOO_LONG = f"The command is too long: the limit is {MAX_TYPED:,} characters."


@dataclass(frozen=True, slots=True)
class WorkspaceUser:
    """What Slack says about a user. `guest` is a guest of any kind; `stranger`: Slack shows the
    user to nobody in our workspace; `gone`: the account is deactivated."""

    team: str = ""
    enterprise: str = ""
    name: str = ""
    zone: str = ""
    guest: bool = False
    stranger: bool = False
    bot: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class PrivateReply:
    """Nothing is run; only `person` reads `text`."""

    person: Person
    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing is run and nobody is answered; `why` is for the log."""

    why: str


Admission = TypedCommand | ButtonPress | PrivateReply | Ignored


def by_an_app(interaction: Interaction, us: BotIdentity) -> bool:
    """Return whether no person did this. Apps cannot run commands: two bots could answer each
    other for ever."""
    return interaction.app or interaction.user in ("", us.user, _SLACKBOT)


def standing_of(teams: Iterable[str], member: WorkspaceUser, us: BotIdentity) -> Standing:
    """Return the standing of a user, of whom a payload says that they belong to `teams`.

    The payload and Slack's own list both count: a user who belongs to another team in either is
    outside, unless both teams are in our enterprise.
    """
    others = {*teams, member.team} - {us.team, us.enterprise, ""}
    if member.stranger or (others and not (us.enterprise and member.enterprise == us.enterprise)):
        return "outside"
    return "guest" if member.guest else "member"


def admit(
    interaction: Interaction,
    us: BotIdentity,
    member: WorkspaceUser | BatonError,
    begun: AuditEntry | None = None,
) -> Admission:
    """Decide what `interaction` asks for. `member` is the user, or the error if the user is not
    known; `begun` is what the same interaction has started before."""
    if by_an_app(interaction, us):
        return Ignored("written by an app")
    if isinstance(member, BatonError):
        return PrivateReply(
            Person(id=interaction.user, name=interaction.name), interaction.place, str(member)
        )
    if member.bot:
        return Ignored("written by an app")
    who = standing_of(interaction.teams, member, us)
    person = Person(id=interaction.user, name=member.name or interaction.name, standing=who)
    if interaction.kind == "press":
        action, value = interaction.action, interaction.value
        return ButtonPress(
            action, value, person, interaction.place, interaction.key, interaction.trigger
        )
    words = _said_to_us(interaction, us)
    if words is None:
        return PrivateReply(person, interaction.place, _hint(us))
    if begun is not None:
        kept = begun.words.removesuffix("…")  # what is very long is kept cut
        if words == begun.words or (kept != begun.words and words.startswith(kept)):
            return Ignored("already handled")
        return PrivateReply(person, interaction.place, _edited(begun))
    if len(words) > MAX_TYPED or len(interaction.text) > _MOST_READ:
        return PrivateReply(person, interaction.place, TOO_LONG)
    trigger = interaction.trigger
    return TypedCommand(words, person, interaction.place, interaction.key, trigger)


def _said_to_us(interaction: Interaction, us: BotIdentity) -> str | None:
    """Return the words; None if they are not for the bot: its name must come first, and they
    must not be a quote."""
    text = tidied(interaction.text[:_MOST_READ])
    if interaction.kind == "command":
        name, _, rest = text.partition(" ")
        return f"{name} {unmarked(rest)}".strip() if rest else unmarked(text)
    if interaction.kind == "form":
        return text
    if text[:1] in _EMPHASIS:
        text = unmarked(text)
    found = re.match(rf"([*_]?)<@{re.escape(us.user)}(?:\|[^<>]*)?>\1", text)
    if found is None and interaction.kind == "mention":
        return None
    text = text[found.end() :] if found else text
    if len(text) > 1 and _is_struck(text.strip()):
        return None
    words = after_name(text)
    return None if words.startswith(_QUOTE) else words


def _is_struck(text: str) -> bool:
    inner = text.strip("*_")
    return len(inner) > 1 and inner.startswith(_STRUCK) and inner.endswith(_STRUCK)


def _hint(us: BotIdentity) -> str:
    return (
        f"To run a command, start with @{us.name}: “@{us.name} help” lists the commands. "
        "Nothing was done: a quoted command, or one in the middle of a sentence, does not run."
    )


def _edited(begun: AuditEntry) -> str:
    job = f" (job {short_id(begun.job)})" if begun.job else ""
    said = unescaped(begun.words)
    shown = said if len(said) <= 200 else f"{said[:199]}…"
    return (
        f"This message has already started “{shown}”{job}. Editing it does not start or stop "
        "anything. For another command, write a new message."
    )
