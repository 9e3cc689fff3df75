from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import ValidationError

from baton.command import Command
from baton.fields import Host
from bot.policy import Asked, EnvironmentTable, Policy, Rule, asked_by
from tests.bot.build import Hail, Ship

SHIP = Ship(app="shop", environment="prod")


def may(policy: Policy, person: str, command: Command = SHIP, *groups: str) -> bool:
    return policy.refusal(asked_by(command), person, frozenset(groups)) is None


def test_an_environment_that_nobody_governs_is_open() -> None:
    """Without rules and without protection everybody may."""
    assert may(Policy(), "U_ANN")


def test_a_protected_environment_without_a_rule_is_shut() -> None:
    """Nobody may, and the refusal names the missing rule and whom to ask."""
    policy = Policy(environments={"prod": EnvironmentTable(protected=True, ask="#ops")})
    refusal = policy.refusal(asked_by(SHIP), "U_ANN")
    assert refusal is not None
    assert (
        'who = ["U_ANN"], commands = ["ship"], environments = ["prod"], apps = ["shop"]' in refusal
    )
    assert "Ask #ops" in refusal
    assert may(policy, "U_ANN", Ship(app="shop", environment="staging"))


def test_a_rule_governs_the_environments_that_it_names() -> None:
    """Naming an environment in a rule closes it for those the rule does not name."""
    policy = Policy([Rule(who=("U_ANN",), environments=("prod",))])
    assert may(policy, "U_ANN")
    assert not may(policy, "U_BEN")
    assert may(policy, "U_BEN", Ship(app="shop", environment="staging"))


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        ({"who": ["U_ANN"]}, True),
        ({"who": ["*"]}, True),
        ({"who": ["@oncall"]}, True),
        ({"who": ["S0NC4LL"]}, True),
        ({"who": ["U_BEN", "@dev"]}, False),
        ({"who": ["U_ANN"], "commands": ["hail"]}, False),
        ({"who": ["U_ANN"], "commands": ["h*", "ship"]}, True),
        ({"who": ["U_ANN"], "apps": ["sh*"]}, True),
        ({"who": ["U_ANN"], "apps": ["billing"]}, False),
        ({"who": ["U_ANN"], "environments": ["prod-*"]}, False),
        ({"who": ["U_ANN"], "environments": ["p*"]}, True),
    ],
)
def test_rules_match_by_person_group_command_environment_and_app(
    rule: dict[str, object], allowed: bool
) -> None:
    """Each part of a rule must match; patterns are the shell's."""
    policy = Policy([Rule.model_validate(rule)], {"prod": EnvironmentTable(protected=True)})
    assert may(policy, "U_ANN", SHIP, "@oncall", "S0NC4LL") is allowed


def test_a_rule_for_apps_covers_commands_without_one() -> None:
    """A rule narrowed to an app says nothing against a command that has no app."""
    policy = Policy([Rule(who=("U_ANN",), apps=("shop",))])
    assert may(policy, "U_ANN", Hail(environment="prod"))


def test_groups_are_needed_only_when_a_rule_names_one() -> None:
    """Looking groups up costs a call: it is not made for nothing."""
    assert not Policy([Rule(who=("U_ANN", "*"))]).needs_groups()
    assert Policy([Rule(who=("@oncall",))]).needs_groups()


def test_a_rule_for_nobody_is_a_mistake() -> None:
    """An empty `who` is refused when it is read, not ignored when it counts."""
    with pytest.raises(ValidationError):
        Rule(who=())


def test_a_rule_for_apps_does_not_let_a_whole_server_be_changed() -> None:
    """What changes a server and names no app is more than a rule narrowed to apps allows."""
    policy = Policy([Rule(who=("U_ANN",), apps=("shop",))])
    asked = [Asked("reboot", "prod")]
    assert policy.refusal(asked, "U_ANN") is not None
    assert Policy([Rule(who=("U_ANN",))]).refusal(asked, "U_ANN") is None


def test_a_command_without_an_environment_is_judged_by_those_of_its_servers() -> None:
    """Leaving the environment out is no way into a protected one."""
    policy = Policy(environments={"prod": EnvironmentTable(protected=True)})

    class Reboot(Command):
        """Start a server anew."""

        name: ClassVar[str] = "reboot"
        host: Host

    command = Reboot(host="web-1")
    assert policy.refusal(asked_by(command, {"staging"}), "U_ANN") is None
    assert policy.refusal(asked_by(command, {"staging", "prod"}), "U_ANN") is not None
