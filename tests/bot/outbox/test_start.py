"""What is next for a job that is held: a pure function of rows and time."""

from __future__ import annotations

from dataclasses import replace

from baton.bus.messages import Person
from bot.holds import ANYBODY, Approvals, Hold, Verdict, Vote
from bot.outbox.start import Step, beside, decide
from tests.bot.build import T0, after
from tests.bot.build import job as a_job

BEA = Person(id="U_BEA", name="bea")


def test_what_is_next_depends_on_rows_and_time_alone() -> None:
    """Survey, wait, warn, start; and after its time nothing any more."""
    hold = Hold(since=T0, until=after(400), approvals=(Approvals(need=1),), survey=True)
    held = a_job(hold=hold)
    assert decide(held, after(1)) is Step.SURVEY
    asked = replace(held, plan_digest="p")
    assert decide(asked, after(1)) is Step.WAIT
    assert decide(asked, after(300)) is Step.WARN
    voted = replace(
        asked, votes=(Vote(BEA, "slack", Verdict.APPROVE, T0, "p", frozenset({ANYBODY})),)
    )
    assert decide(voted, after(300)) is Step.START
    assert decide(voted, after(400)) is Step.WAIT
    assert beside(held, [held, replace(held, id="other")]) == ("other",)
    assert beside(held, [held, replace(held, id="other", app="blog")]) == ()
