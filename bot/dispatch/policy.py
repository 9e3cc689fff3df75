"""Decides who may run and read what, and where. Pure: decided here, before anything is sent or
shown.

Closed by default:

- What changes servers needs a rule, except in an environment that is `open`.
- What only looks is free, except in an environment that is `protected`: there it needs a rule too.
- A rule gives a right and takes none away. `*` and user groups mean members of the workspace;
  guests and people of other organisations may do only what a rule allows to their own user id.
- What was asked may be read by the one who asked, in a protected environment by those who may ask
  for the same too; of a private channel only in that channel. Others need a rule for reading it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from baton.bus.messages import Person
from baton.command import Command, Reach
from baton.settings import Table
from baton.text.printable import printable
from bot.jobs import Place

EVERYBODY = "*"
MAX_REMEMBERED = 10_000
"""Different things that are asked, whose rules are remembered."""
_USER = re.compile(r"[UW][A-Z0-9_]+")
"""Slack's ids of people."""
_ID = re.compile(r"[UWS][A-Z0-9_]+")
"""Slack's ids of people and of user groups: no handle is written like that."""
PRIVATE = ("", "privategroup", "directmessage")
"""What Slack calls the channels whose name it does not tell."""
_KINDS = {"privategroup": "private channel", "directmessage": "direct message"}
_GROUP_TALK = "mpdm-"


def _who(text: str) -> str:
    """Return a user id, a group without its `@`, or `*`."""
    name = text.strip().removeprefix("@")
    if text.strip() == EVERYBODY:
        return EVERYBODY
    if not name or printable(name) != name or re.search(r"[\s*?\[\]@]", name):
        raise ValueError(
            "user ids (U0123ABCD), user groups by handle (@oncall) or id (S0123ABCD), or * alone"
        )
    return name if _ID.fullmatch(name) or not text.strip().startswith("@") else name.lower()


def _pattern(text: str) -> str:
    """Return a shell pattern, or a name; what is empty or cannot be seen would match nothing."""
    if not text.strip() or printable(text) != text:
        raise ValueError("names or shell patterns such as prod-*, without invisible characters")
    return text


Who = Annotated[str, AfterValidator(_who)]
ShellPattern = Annotated[str, AfterValidator(_pattern)]


class Rule(Table):
    """`[[allow]]`: the people `who` may ask `commands`, in `environments`, for `apps`.

    `who` holds user ids, and user groups by handle (`@oncall`) or by id; `*` stands for every
    member. The others hold shell patterns, and `*` stands for everything.
    """

    who: tuple[Who, ...] = Field(min_length=1)
    commands: tuple[ShellPattern, ...] = Field(default=("*",), min_length=1)
    environments: tuple[ShellPattern, ...] = Field(default=("*",), min_length=1)
    apps: tuple[ShellPattern, ...] = Field(default=("*",), min_length=1)

    def covers(self, person: Person, groups: frozenset[str], asked: AccessRequest) -> bool:
        """Return whether it allows `person`, who is in `groups`, to ask `asked`."""
        return self.is_about(asked) and self.names(person, groups)

    def is_about(self, asked: AccessRequest) -> bool:
        """Return whether it allows `asked` to somebody."""
        return (
            _matches(self.environments, asked.environment)
            and _matches(self.commands, asked.command)
            # what changes a whole server is more than a rule for some apps allows
            and (_matches(self.apps, asked.app or "") or not (asked.app or asked.changes))
        )

    def names(self, person: Person, groups: frozenset[str]) -> bool:
        """Return whether it is for `person`, who is in `groups`."""
        if person.standing != "member":
            return person.id != EVERYBODY and person.id in self.who
        return any(who in (EVERYBODY, person.id) or who in groups for who in self.who)


class EnvironmentTable(Table):
    """`[environments.NAME]`. `open`: members may change it without a rule. `protected`: looking at
    it needs a rule too. `ask` tells people whom to ask for a rule."""

    open: bool = False
    protected: bool = False
    ask: str = ""

    @model_validator(mode="after")
    def _one_of_them(self) -> EnvironmentTable:
        if self.open and self.protected:
            raise ValueError("open = true or protected = true, not both")
        return self


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What a rule looks at. `shown` is how it is called in a refusal."""

    command: str
    environment: str
    app: str | None = None
    changes: bool = True
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Something that was asked, which others may want to read: as what it was `asked`, by whom and
    where."""

    asked: tuple[AccessRequest, ...]
    owner: Person
    place: Place


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not do something. `verdict` is `refused`, or `undecided` if it cannot be
    known now."""

    text: str
    verdict: str = "refused"

    def __str__(self) -> str:
        return self.text


def access_requests(
    command: Command, environments: Collection[str] = ()
) -> tuple[AccessRequest, ...]:
    """Return what `command` asks for. `environments` are those of the servers that it is for, which
    count where it names none itself."""
    target = command.target
    if command.reach is Reach.HERE:
        return ()
    where = environments if target.environment is None else [target.environment]
    return tuple(
        AccessRequest(command.name, each, target.app, command.changes) for each in sorted(where)
    )


def is_user(who: str) -> bool:
    """Return whether `who` is written as Slack writes the ids of people."""
    return _USER.fullmatch(who) is not None


def is_private(place: Place) -> bool:
    """Return whether only some may look into the channel, or nobody told its name."""
    return place.name in PRIVATE or place.name.startswith(_GROUP_TALK)


def place_label(place: Place) -> str:
    """Return what people call `place`: nobody but those in it knows the name of a private one."""
    if is_private(place):
        return f"{_KINDS.get(place.name, 'channel')} {place.channel}"
    return place.name or place.channel


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one configuration."""

    rules: Sequence[Rule] = ()
    environments: Mapping[str, EnvironmentTable] = field(default_factory=dict)
    _about: dict[tuple[str, str, str | None, bool], tuple[Rule, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """The rules about what was asked before, whoever asked: patterns are matched once."""

    def stranger(self, person: Person) -> Refusal | None:
        """Return why `person` may do and read nothing at all; None if they may do something."""
        named = any(person.id in rule.who for rule in self.rules) and person.id != EVERYBODY
        if person.standing == "member" or named:
            return None
        whose = "a guest" if person.standing == "guest" else "of another organization"
        return Refusal(
            f"Not allowed: you are {whose}, and no rule in baton.toml names your user ID "
            f"({json.dumps(person.id)[1:-1]})."
        )

    def allows(
        self, asked: AccessRequest, person: Person, groups: frozenset[str] = frozenset()
    ) -> bool:
        """Return whether `person` may have `asked`."""
        if person.standing == "member" and self._free(asked):
            return True
        return self._ruled(asked, person, groups)

    def refusal(
        self, asked: Sequence[AccessRequest], person: Person, groups: frozenset[str] = frozenset()
    ) -> Refusal | None:
        """Return why `person` may not ask all of `asked`; None if they may.

        The text names the rule that is missing and whom to ask for it.
        """
        stranger = self.stranger(person)
        if stranger is not None:
            return stranger
        for each in asked:
            if not self.allows(each, person, groups):
                return self._missing(each, person)
        return None

    def hidden(
        self,
        record: Record,
        by: str,
        reader: Person,
        here: Place,
        groups: frozenset[str] = frozenset(),
    ) -> Refusal | None:
        """Return why `reader`, who asks `here` by the command `by`, may not read `record`; None if
        they may."""
        stranger = self.stranger(reader)
        if stranger is not None:
            return stranger
        if (record.owner.id, record.place.directory) == (reader.id, here.directory):
            return None
        beside = (here.front, here.channel) == (record.place.front, record.place.channel)
        if is_private(record.place) and not beside:
            for each in record.asked:
                read = _reading(each, by)
                if not self._ruled(read, reader, groups):
                    return self._missing(read, reader, _secluded(record.place))
            if not record.asked:
                return Refusal(f"Not allowed: /{by}. {_secluded(record.place)}")
        for each in record.asked:
            read = _reading(each, by)
            if not (self.allows(read, reader, groups) or self._ruled(each, reader, groups)):
                return self._missing(read, reader)
        return None

    def with_every_group(self) -> frozenset[str]:
        """Return every name in the rules that may be a group: whoever is in all of them may the
        most."""
        named = {who for rule in self.rules for who in rule.who}
        return frozenset(who for who in named - {EVERYBODY} if not is_user(who))

    def protects(self, environment: str) -> bool:
        """Return whether looking at `environment` needs a rule too."""
        table = self.environments.get(environment)
        return table is not None and table.protected

    def _free(self, asked: AccessRequest) -> bool:
        """Return whether every member may, without a rule."""
        table = self.environments.get(asked.environment)
        if table is None:
            return not asked.changes
        return not table.protected and (table.open or not asked.changes)

    def _ruled(self, asked: AccessRequest, person: Person, groups: frozenset[str]) -> bool:
        key = (asked.command, asked.environment, asked.app, asked.changes)
        about = self._about.get(key)
        if about is None:
            if len(self._about) >= MAX_REMEMBERED:
                self._about.clear()
            about = tuple(rule for rule in self.rules if rule.is_about(asked))
            self._about[key] = about
        return any(rule.names(person, groups) for rule in about)

    def _missing(self, asked: AccessRequest, person: Person, why: str = "") -> Refusal:
        parts = {"who": person.id, "commands": asked.command}
        if asked.environment:
            parts["environments"] = asked.environment
        if asked.app:
            parts["apps"] = asked.app
        rule = ", ".join(f"{key} = [{json.dumps(value)}]" for key, value in parts.items())
        what = asked.shown or f"/{asked.command} {asked.app or ''}".strip()
        where = f" in {asked.environment}" if asked.environment else ""
        return Refusal(
            f"Not allowed: {what}{where}. {why or self._why(asked, person)} "
            f"Required rule: [[allow]] {rule}. Ask {self.whom(asked.environment)}."
        )

    def _why(self, asked: AccessRequest, person: Person) -> str:
        if person.standing != "member":
            return "Guests and people of other organizations need a rule for everything."
        if asked.changes:
            return "A change to servers needs a rule in baton.toml."
        return f"{asked.environment} is protected: looking at it needs a rule in baton.toml."

    def whom(self, environment: str) -> str:
        """Return whom to ask for a rule there."""
        table = self.environments.get(environment)
        return table.ask if table and table.ask else "the person who maintains baton.toml"


def _secluded(place: Place) -> str:
    if place.name:
        return "It was requested in a private channel."
    return "It was requested in a channel that is not known to be public."


def _reading(asked: AccessRequest, by: str) -> AccessRequest:
    return AccessRequest(by, asked.environment, asked.app, changes=False)


def _matches(patterns: Sequence[str], text: str) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)
