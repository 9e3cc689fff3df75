"""The gate of freezes: what it says, to whom, and what a schedule makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from baton.bus.messages import Person
from bot.dispatch.gates.finding import Finding, Open, Refused
from bot.dispatch.gates.freeze import FreezeGate
from bot.dispatch.gates.situation import Asked, Intent, Situation
from tests.bot.build import ANN
from tests.bot.dispatch.gates.freezing.test_windows import weekly

FRIDAY = datetime(2026, 11, 27, 14, tzinfo=UTC)
DEPLOY = Intent("ship", ("prod",), "shop", title="ship shop prod")
ASKED = Asked(DEPLOY, ANN)
BROKEN = replace(ASKED, break_glass="checkout is down")
GATE = FreezeGate([weekly("fri", 13, 24)])


def look(asked: Asked, *groups: str, gate: FreezeGate = GATE) -> Finding:
    return gate.look(Situation(asked, frozenset(groups), FRIDAY))


def refused(asked: Asked, *groups: str) -> Refused:
    found = look(asked, *groups)
    assert isinstance(found, Refused)
    return found


def test_it_names_the_freeze_its_end_and_who_may_break_it() -> None:
    """All that somebody needs who stands before it."""
    found = refused(ASKED)
    assert found.text == (
        "Frozen: shop in prod, by “no Friday afternoons”, until Sat 28 Nov 2026 00:00 "
        "(Europe/London). Only @leads may break it. Wait, or ask one of them."
    )
    assert (found.whom, found.until) == ("@leads", datetime(2026, 11, 28, tzinfo=UTC))


def test_who_may_break_it_is_told_how() -> None:
    """It is refused to them too, until they give a reason."""
    found = refused(ASKED, "leads")
    assert found.text.endswith('You may break it: add --break-glass "reason".')


def test_with_a_reason_it_is_open_to_who_may() -> None:
    """And to nobody else."""
    found = look(BROKEN, "leads")
    assert isinstance(found, Open)
    assert found.broke == "“no Friday afternoons”"
    assert "ann breaks the freeze" in found.text
    assert "checkout is down" in found.text
    refused(BROKEN)


def test_a_guest_is_in_no_group() -> None:
    """As for every right: a guest is named by user id, or has none."""
    guest = Person(id="U_GUEST", name="gus", standing="guest")
    refused(replace(BROKEN, asker=guest), "leads")


def test_what_only_looks_is_not_frozen() -> None:
    """A freeze is about changes."""
    looks = replace(DEPLOY, command="hail", changes=False)
    assert isinstance(look(replace(ASKED, intent=looks)), Open)


@pytest.mark.parametrize("where", [("staging",), ("prod-eu",)])
def test_elsewhere_it_is_open(where: tuple[str, ...]) -> None:
    """Only its environments are frozen; of several one is enough."""
    elsewhere = replace(DEPLOY, environments=where)
    assert isinstance(look(replace(ASKED, intent=elsewhere)), Open)
    refused(replace(ASKED, intent=replace(DEPLOY, environments=(*where, "prod"))))


def test_to_break_one_of_two_is_not_enough() -> None:
    """Of two freezes that are on, both must be theirs to break."""
    other = weekly("fri", 12, 20, name="audit", may_break=())
    gate = FreezeGate([weekly("fri", 13, 24), other])
    found = look(BROKEN, "leads", gate=gate)
    assert isinstance(found, Refused)
    assert "“audit”" in found.text
    assert "Nobody may break" in found.text
    assert ZoneInfo("Europe/London").key in found.text


def test_what_is_in_the_ledger_passes_what_was_broken_for_it_alone() -> None:
    """Of two freezes that are on, both must have been named; who may break one asks anew."""
    both = FreezeGate([weekly("fri", 13, 24), weekly("fri", 12, 20, name="audit")])
    one = replace(BROKEN, broken="“no Friday afternoons”")
    assert isinstance(look(one, "leads"), Open)
    found = look(one, "leads", gate=both)
    assert isinstance(found, Refused)
    assert "“audit”" in found.text
    assert found.text.endswith("To pass it, one of @leads asks again, with --break-glass.")
    all_of_it = replace(BROKEN, broken="“audit”, “no Friday afternoons”, “one more”")
    assert isinstance(look(all_of_it, "leads", gate=both), Open)
    assert isinstance(look(all_of_it, gate=both), Refused)
