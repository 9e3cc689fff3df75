"""What is missing before a job that is held may start: a pure function of its votes."""

from __future__ import annotations

from dataclasses import replace

from baton.bus.messages import Person
from bot.holds import ANYBODY, Approvals, Hold, Verdict, Vote, tally, waits_for
from tests.bot.build import ANN, T0, after

BEA, CEM, DAN = (Person(id=f"U_{name.upper()}", name=name) for name in ("bea", "cem", "dan"))


def test_a_vote_about_another_plan_does_not_count() -> None:
    """Nor does one of somebody whom the rule does not name."""
    hold = Hold(since=T0, until=after(3600), approvals=(Approvals(need=1, of=("leads",)),))
    vote = Vote(BEA, "slack", Verdict.APPROVE, T0, "sha256:b", frozenset({"leads"}))
    assert not tally(hold, [vote], "sha256:a").complete
    assert tally(hold, [vote], "sha256:b").complete
    assert not tally(hold, [replace(vote, groups=frozenset())], "sha256:b").complete
    assert waits_for(hold, [], "sha256:a", 3) == "approvals 0 of 1 (@leads may)"
    asks = hold.model_copy(update={"survey": True})
    assert waits_for(asks, [], "", 3) == "asking 3 servers what would change"


def test_each_rule_that_matches_counts() -> None:
    """Two rules with other people: both have to be complete."""
    rules = (Approvals(need=1, of=("leads",)), Approvals(need=2))
    hold = Hold(since=T0, until=after(3600), confirm=True, approvals=rules)
    votes = [
        Vote(BEA, "slack", Verdict.APPROVE, T0, "p", frozenset({ANYBODY})),
        Vote(CEM, "slack", Verdict.APPROVE, T0, "p", frozenset({ANYBODY})),
    ]
    assert not tally(hold, votes, "p").complete
    dan = Vote(DAN, "slack", Verdict.APPROVE, T0, "p", frozenset({"leads"}))
    assert not tally(hold, [votes[0], dan], "p").complete, "dan may not ask for the same"
    votes.append(dan)
    assert not tally(hold, votes, "p").complete, "its asker has not confirmed it"
    votes.append(Vote(ANN, "slack", Verdict.CONFIRM, T0, "p"))
    assert tally(hold, votes, "p").complete
