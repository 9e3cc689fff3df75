"""Who may ask what, where. Pure: decided here, before anything is sent, and nowhere else.

An environment that is marked protected, or that some rule names, is governed: in it, only what a
rule allows may be asked. Any other environment is open to everybody.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from pydantic import Field

from baton.command import Command, Reach
from baton.settings import Table


class Rule(Table):
    """`[[allow]]`: the people `who` may ask `commands`, in `environments`, for `apps`.

    `who` holds user ids, and user groups by id or by handle (`@oncall`); the others hold shell
    patterns, and `*` stands for everybody or everything.
    """

    who: tuple[str, ...] = Field(min_length=1)
    commands: tuple[str, ...] = ("*",)
    environments: tuple[str, ...] = ("*",)
    apps: tuple[str, ...] = ("*",)

    def covers(self, person: str, groups: frozenset[str], asked: Asked) -> bool:
        """Whether it allows `person`, who is in `groups`, to ask `asked`."""
        return (
            _matches(self.environments, asked.environment)
            and _matches(self.commands, asked.command)
            # what changes a whole server is more than a rule for some apps allows
            and (_matches(self.apps, asked.app or "") or not (asked.app or asked.changes))
            and any(who == "*" or who == person or who in groups for who in self.who)
        )


class EnvironmentTable(Table):
    """`[environments.NAME]`. `ask` tells people whom to ask for a rule."""

    protected: bool = False
    ask: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a rule looks at."""

    command: str
    environment: str
    app: str | None = None
    changes: bool = True


def asked_by(command: Command, environments: Collection[str] = ()) -> tuple[Asked, ...]:
    """What `command` asks for; `environments` are those of the servers that it is for, which
    count where it names none itself."""
    target = command.target
    if command.reach is Reach.HERE:
        return ()
    where = environments if target.environment is None else [target.environment]
    return tuple(Asked(command.name, each, target.app, command.changes) for each in sorted(where))


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one configuration."""

    rules: Sequence[Rule] = ()
    environments: Mapping[str, EnvironmentTable] = field(default_factory=dict)

    def needs_groups(self) -> bool:
        """Whether some rule can only be decided when a person's groups are known."""
        return any(who.startswith(("@", "S")) for rule in self.rules for who in rule.who)

    def refusal(
        self, asked: Sequence[Asked], person: str, groups: frozenset[str] = frozenset()
    ) -> str | None:
        """Why `person` may not ask all of `asked`; None if they may.

        The text names the rule that is missing and whom to ask for it.
        """
        for each in asked:
            if not self._governed(each.environment):
                continue
            if not any(rule.covers(person, groups, each) for rule in self.rules):
                return self._missing(each, person)
        return None

    def _governed(self, environment: str) -> bool:
        table = self.environments.get(environment)
        return (table is not None and table.protected) or any(
            _matches(rule.environments, environment) for rule in self.rules
        )

    def _missing(self, asked: Asked, person: str) -> str:
        rule = (
            f'[[allow]] who = ["{person}"], commands = ["{asked.command}"], '
            f'environments = ["{asked.environment}"]'
        )
        if asked.app:
            rule += f', apps = ["{asked.app}"]'
        table = self.environments.get(asked.environment)
        whom = table.ask if table and table.ask else "whoever keeps baton.toml"
        what = f"{asked.command} {asked.app or ''}".strip()
        return (
            f"You may not {what} in {asked.environment}: no rule allows it. "
            f"The missing rule is: {rule}. Ask {whom}."
        )


def _matches(patterns: Sequence[str], text: str) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)
