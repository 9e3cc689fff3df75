from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from baton.bus.messages import Person
from baton.command import Command
from baton.fields import Host
from bot.dispatch.policy import (
    AccessRequest,
    EnvironmentTable,
    Policy,
    Record,
    Rule,
    access_requests,
)
from bot.jobs import Place
from tests.bot.build import Hail, Ship

SHIP = Ship(app="shop", environment="prod")
HAIL = Hail(environment="prod")
ANN, BEN = Person(id="U_ANN"), Person(id="U_BEN")
GUEST = Person(id="U_GUEST", standing="guest")
OUTSIDE = Person(id="U_FAR", standing="outside")
OPEN = {"prod": EnvironmentTable(open=True)}
PROTECTED = {"prod": EnvironmentTable(protected=True, ask="#ops")}
OPS, SECRET = Place("slack", "C_OPS", name="ops"), Place("slack", "C_S", name="privategroup")


def may(policy: Policy, person: Person, command: Command = SHIP, *groups: str) -> bool:
    return policy.refusal(access_requests(command), person, frozenset(groups)) is None


def reads(
    policy: Policy,
    reader: Person,
    command: Command = SHIP,
    *groups: str,
    at: Place = OPS,
    here: Place = OPS,
) -> bool:
    """Whether `reader`, here, may read ann's job that was asked at a place."""
    kept = Record(access_requests(command), ANN, at)
    return policy.hidden(kept, "log", reader, here, frozenset(groups)) is None


def test_what_changes_servers_needs_a_rule_in_every_environment() -> None:
    """Without rules nobody changes anything; what only looks is free to members."""
    assert not may(Policy(), ANN)
    assert may(Policy(), ANN, HAIL)
    assert may(Policy([Rule(who=("U_ANN",))]), ANN)


def test_an_open_environment_needs_none() -> None:
    """`open = true` lets every member change that environment, and no other."""
    assert may(Policy(environments=OPEN), ANN)
    assert not may(Policy(environments=OPEN), ANN, Ship(app="shop", environment="staging"))


def test_a_protected_environment_is_not_even_looked_at_without_a_rule() -> None:
    """The refusal names the missing rule and whom to ask."""
    policy = Policy(environments=PROTECTED)
    refusal = policy.refusal(access_requests(SHIP), ANN)
    assert refusal is not None
    assert refusal.text == (
        "Not allowed: /ship shop in prod. A change to servers needs a rule in baton.toml. "
        'Required rule: [[allow]] who = ["U_ANN"], commands = ["ship"], environments = ["prod"], '
        'apps = ["shop"]. Ask #ops.'
    )
    assert not may(policy, ANN, HAIL)
    assert may(policy, ANN, Hail(environment="staging"))


def test_open_and_protected_contradict() -> None:
    """Both at once is refused when the file is read."""
    with pytest.raises(ValidationError, match="not both"):
        EnvironmentTable(open=True, protected=True)


@pytest.mark.parametrize(
    "rule", [{"commands": ("hail",), "environments": ("*",)}, {"environments": ("prod",)}]
)
def test_a_rule_takes_nothing_away(rule: dict[str, tuple[str, ...]]) -> None:
    """What somebody may without a rule they may with one for others too."""
    policy = Policy([Rule(who=("U_ANN",), **rule)], OPEN)
    assert may(policy, BEN)
    assert may(policy, BEN, HAIL)


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        ({"who": ["U_ANN"]}, True),
        ({"who": ["*"]}, True),
        ({"who": ["@oncall"]}, True),
        ({"who": ["@OnCall"]}, True),
        ({"who": ["oncall"]}, True),
        ({"who": ["S0NC4LL"]}, True),
        ({"who": ["@S0NC4LL"]}, True),
        ({"who": ["s0nc4ll"]}, False),
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
    """Each part of a rule must match; patterns are the shell's; groups are named by their handle,
    with or without the @, as Slack writes it, or by their id."""
    policy = Policy([Rule.model_validate(rule)], PROTECTED)
    assert may(policy, ANN, SHIP, "oncall", "S0NC4LL") is allowed


@pytest.mark.parametrize("who", ["", "@", "@*", "U*", "on call", "@@oncall", "[ab]"])
def test_who_is_no_pattern(who: str) -> None:
    """What can name nobody, or seems to name everybody, is refused when it is read."""
    with pytest.raises(ValidationError, match="user ids"):
        Rule(who=(who,))


def test_a_rule_for_nobody_is_a_mistake() -> None:
    """An empty `who` is refused when it is read, not ignored when it counts."""
    with pytest.raises(ValidationError):
        Rule(who=())


@pytest.mark.parametrize("person", [GUEST, OUTSIDE])
def test_others_than_members_need_a_rule_that_names_them(person: Person) -> None:
    """Not `*`, no group and no open environment is for them; their own id is, and only for what
    the rule says."""
    policy = Policy([Rule(who=("*",)), Rule(who=("@oncall",))], OPEN)
    assert not may(policy, person, SHIP, "oncall")
    assert not may(policy, person, HAIL, "oncall")
    assert not reads(policy, person, SHIP, "oncall")
    stranger = policy.stranger(person)
    assert stranger is not None
    assert f"no rule in baton.toml names your user ID ({person.id})" in stranger.text
    policy = Policy([Rule(who=(person.id,), commands=("hail",))], OPEN)
    assert policy.stranger(person) is None
    assert may(policy, person, HAIL)
    assert not may(policy, person, SHIP)
    named = Rule(who=(person.id,), commands=("hail",))
    policy = Policy([named, Rule(who=("*",)), Rule(who=("@oncall",))], OPEN)
    assert not may(policy, person, SHIP, "oncall"), "a rule of their own makes nobody a member"
    assert not may(Policy([Rule(who=("*",))]), Person(id="*", standing="outside"))


def test_a_rule_for_apps_covers_commands_without_one() -> None:
    """A rule narrowed to an app says nothing against a command that has no app."""
    policy = Policy([Rule(who=("U_ANN",), apps=("shop",))], PROTECTED)
    assert may(policy, ANN, HAIL)


def test_a_rule_for_apps_does_not_let_a_whole_server_be_changed() -> None:
    """What changes a server and names no app is more than a rule narrowed to apps allows."""
    policy = Policy([Rule(who=("U_ANN",), apps=("shop",))])
    asked = [AccessRequest("reboot", "prod")]
    assert policy.refusal(asked, ANN) is not None
    assert Policy([Rule(who=("U_ANN",))]).refusal(asked, ANN) is None


def test_a_command_without_an_environment_is_judged_by_those_of_its_servers() -> None:
    """Leaving the environment out is no way into one that is not open."""
    policy = Policy(environments={"staging": EnvironmentTable(open=True)})

    class Reboot(Command):
        """Start a server anew."""

        name: ClassVar[str] = "reboot"
        host: Host

    command = Reboot(host="web-1")
    assert policy.refusal(access_requests(command, {"staging"}), ANN) is None
    assert policy.refusal(access_requests(command, {"staging", "prod"}), ANN) is not None


def test_a_job_of_a_protected_environment_is_read_by_whom_a_rule_lets() -> None:
    """By its asker, by who may ask for the same, by who may `log`; elsewhere by every member."""
    policy = Policy(
        [
            Rule(who=("@deployers",), commands=("ship",)),
            Rule(who=("@readers",), commands=("log",)),
            Rule(who=("U_DAN",), commands=("ship",), apps=("billing",)),
        ],
        PROTECTED,
    )
    assert reads(policy, ANN)
    assert not reads(policy, BEN)
    assert not reads(policy, Person(id="U_DAN"))
    assert reads(policy, BEN, SHIP, "deployers")
    assert reads(policy, BEN, SHIP, "readers")
    assert reads(policy, BEN, Ship(app="shop", environment="staging"))


@pytest.mark.parametrize("name", ["", "privategroup", "directmessage", "mpdm-ann--ben-1"])
def test_a_job_of_a_private_channel_is_read_there_only(name: str) -> None:
    """However open its environment: by its asker, in the same channel, or by a rule for reading
    it. A rule for asking the same, and a channel that nobody named, open nothing."""
    secret = Place("slack", "C_SECRET", name=name)
    policy = Policy([Rule(who=("U_BEN",), commands=("ship",))], OPEN)
    assert not reads(policy, BEN, at=secret)
    assert reads(policy, BEN, at=secret, here=secret)
    assert reads(policy, ANN, at=secret)
    assert reads(Policy([Rule(who=("U_BEN",), commands=("log",))], OPEN), BEN, at=secret)
    assert not reads(Policy(environments=PROTECTED), BEN, at=secret, here=secret)


WHO = st.sampled_from(["*", "U_ANN", "U_BEN", "@oncall", "S0DEV", "U_FAR"])
COMMANDS = st.sampled_from(["ship", "hail", "log", "*"])
NAMES = st.sampled_from(["prod", "staging", "test", "*", "p*"])
RULES = st.builds(
    Rule,
    who=st.lists(WHO, min_size=1, max_size=3).map(tuple),
    commands=st.lists(COMMANDS, min_size=1, max_size=2).map(tuple),
    environments=st.lists(NAMES, min_size=1, max_size=2).map(tuple),
    apps=st.lists(st.sampled_from(["shop", "*"]), min_size=1, max_size=1).map(tuple),
)
TABLES = st.sampled_from(
    [EnvironmentTable(), EnvironmentTable(open=True), EnvironmentTable(protected=True)]
)
PEOPLE = st.builds(
    Person,
    id=st.sampled_from(["U_ANN", "U_BEN", "U_FAR", "U_NEW"]),
    standing=st.sampled_from(["member", "guest", "outside"]),
)


@given(
    rules=st.lists(RULES, max_size=4),
    tables=st.dictionaries(st.sampled_from(["prod", "staging"]), TABLES),
    person=PEOPLE,
    groups=st.frozensets(st.sampled_from(["oncall", "S0DEV", "dev"])),
    environment=st.sampled_from(["prod", "staging", "test"]),
)
def test_nobody_changes_a_server_without_a_rule_that_names_them(
    rules: list[Rule],
    tables: dict[str, EnvironmentTable],
    person: Person,
    groups: frozenset[str],
    environment: str,
) -> None:
    """Whatever the rules, the groups and the standing: outside of open environments some rule
    names a member, one of their groups or everybody; anybody else is named by their id, always."""
    policy = Policy(rules, tables)
    command = Ship(app="shop", environment=environment)
    if policy.refusal(access_requests(command), person, groups) is not None:
        return
    named = {who for rule in rules for who in rule.who}
    if person.standing != "member":
        assert person.id in named
    elif not tables.get(environment, EnvironmentTable()).open:
        assert named & ({"*", person.id} | groups)


@pytest.mark.parametrize("key", ["who", "commands", "environments", "apps"])
@pytest.mark.parametrize("text", ["", " ", "prod\u200b", "\u202eprod", "pr\nod"])
def test_what_cannot_be_seen_in_a_rule_is_refused(key: str, text: str) -> None:
    """It would match nothing, or worse, and nobody could see why."""
    with pytest.raises(ValidationError):
        Rule.model_validate({"who": ["U1"], key: [text]})
