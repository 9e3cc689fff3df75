"""Who may ask and read what; groups are looked up only where they decide."""

from __future__ import annotations

import pytest

from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.fronts.errors import FrontError
from bot.store import Store
from tests.bot.counter import BEN, GUARDED, GUEST, ONLY_ANN, Counter


@pytest.fixture
def guarded(store: Store) -> Counter:
    """People before a bot where prod is protected."""
    return Counter(store, GUARDED)


@pytest.mark.parametrize("text", ["help", "servers", "jobs", "hail staging", "xyz", "log abcd"])
async def test_a_stranger_reads_nothing(guarded: Counter, text: str) -> None:
    """One plain sentence, help included; and it is kept."""
    reply = await guarded.ask(text, GUEST)
    assert (reply.ok, reply.answer) == (False, None)
    assert reply.text == (
        "Not allowed: you are a guest, and no rule in baton.toml names your user ID (U_GUEST)."
    )
    assert (await guarded.audit()).verdict == "refused"


async def test_a_guest_with_a_rule_has_that_right_only(store: Store) -> None:
    """What members may without a rule they may not."""
    rule = Rule(who=("U_GUEST",), commands=("hail",), environments=("staging",))
    counter = Counter(store, Policy([rule], {"staging": EnvironmentTable(open=True)}))
    assert (await counter.ask("hail staging", GUEST)).ok
    assert (await counter.ask("help", GUEST)).ok
    assert not (await counter.ask("ship shop staging", GUEST)).ok
    assert not (await counter.ask("servers", GUEST)).ok
    assert not (await counter.ask("hail prod", GUEST)).ok


async def test_groups_are_looked_up_only_when_they_decide(store: Store) -> None:
    """Somebody who may, or a policy without groups, costs no look-up."""
    calls: list[str] = []

    async def oncall() -> frozenset[str]:
        calls.append("groups")
        return frozenset({"oncall", "S0NC4LL"})

    rules = [Rule(who=("@oncall", "U_ANN"), environments=("prod",))]
    counter = Counter(store, Policy(rules))
    assert (await counter.ask("ship shop prod", groups=oncall)).ok
    assert calls == []
    assert (await counter.ask("ship shop prod", BEN, groups=oncall)).ok
    assert calls == ["groups"]
    assert not (await Counter(store, ONLY_ANN).ask("ship shop prod", BEN, groups=oncall)).ok
    assert calls == ["groups"]


async def test_groups_that_cannot_be_looked_up_refuse_and_say_so(store: Store) -> None:
    """What is not known is not allowed, and said to be so: no rule is said to be missing, and the
    audit has a verdict of its own. A rule of another command or environment changes nothing."""

    async def broken() -> frozenset[str]:
        raise FrontError(front="Slack", reason="no route")

    rules = [Rule(who=("@oncall",), environments=("prod",))]
    reply = await Counter(store, Policy(rules)).ask("ship shop prod", groups=broken)
    assert not reply.ok
    assert reply.text.startswith("Your permissions cannot be checked now")
    assert "Try again in a minute." in reply.text
    assert "no route" in reply.text
    assert "rule:" not in reply.text
    assert (await Counter(store).audit()).verdict == "undecided"
    rules = [Rule(who=("@oncall",), environments=("staging",))]
    reply = await Counter(store, Policy(rules)).ask("ship shop prod", groups=broken)
    assert "Required rule" in reply.text
