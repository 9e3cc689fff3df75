"""The rules, compared with what is heard and installed."""

from __future__ import annotations

from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.dispatch.policy_review import Scene, review

COMMANDS = ("deploy", "ping", "log", "jobs", "alerts")
THERE = {"prod": ("shop", "billing-api"), "staging": ("shop",)}
SCENE = Scene(COMMANDS, THERE, ("oncall", "S0NC4LL"))


def said(policy: Policy, scene: Scene = SCENE) -> list[str]:
    return [remark.text for remark in review(policy, scene)]


def test_rules_that_fit_leave_nothing_to_say() -> None:
    """Every name is there, by pattern too."""
    rule = Rule(
        who=("@oncall", "S0NC4LL", "U_ANN", "*"),
        commands=("deploy", "p*"),
        environments=("prod", "stag*"),
        apps=("shop", "billing-*"),
    )
    assert said(Policy([rule], {"prod": EnvironmentTable(protected=True)})) == []


def test_each_name_that_is_not_there_is_a_warning() -> None:
    """An environment, a command, an app, a group; with what was most likely meant."""
    rule = Rule(
        who=("@oncal", "U_GONE"),
        commands=("deplyo",),
        environments=("production",),
        apps=("shpo",),
    )
    policy = Policy([Rule(who=("U_ANN",)), rule], {"prdo": EnvironmentTable(protected=True)})
    remarks = review(policy, SCENE)
    assert all(remark.wrong and remark.fix for remark in remarks)
    assert [remark.text for remark in remarks] == [
        "[environments.prdo]: no server is in it (there are: prod, staging). Did you mean prod?",
        "[[allow]] rule 2: unknown command deplyo. Did you mean deploy?",
        "[[allow]] rule 2: no server is in environment production (there are: prod, staging).",
        "[[allow]] rule 2: no server runs app shpo. Did you mean shop?",
        "[[allow]] rule 2: user group @oncal is not found in Slack. Did you mean oncall?",
    ]


def test_the_mistyped_lock_is_found() -> None:
    """Rules for `production` while agents say `prod`: prod is said to be closed."""
    rule = Rule(who=("U_ANN",), environments=("production",))
    found = said(Policy([rule], {"production": EnvironmentTable(protected=True)}))
    assert "prod is closed: no rule names it, so nobody may change its servers" in found


def test_what_is_open_is_said() -> None:
    """It is meant, and to be known: no warning."""
    policy = Policy([Rule(who=("*",))], {"staging": EnvironmentTable(open=True)})
    remarks = review(policy, SCENE)
    assert [(remark.text, remark.wrong) for remark in remarks] == [
        ("staging is open: every member may change it (open = true)", False),
        ("rule 1 lets every member use every command", False),
    ]


def test_what_is_not_known_is_not_compared() -> None:
    """No server heard, no groups looked up: only commands are compared."""
    rule = Rule(who=("@nobody",), commands=("x",), environments=("prod",), apps=("shop",))
    policy = Policy([rule], {"prod": EnvironmentTable()})
    assert said(policy, Scene(COMMANDS, {})) == ["[[allow]] rule 1: unknown command x."]
