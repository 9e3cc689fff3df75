"""How a job ended, from the states of its runs."""

from __future__ import annotations

import pytest

from baton.bus.messages import State
from baton.client.models import Ending, Job, Run, ending

EACH = {
    State.SUCCEEDED: Ending.SUCCEEDED,
    State.FAILED: Ending.FAILED,
    State.REFUSED: Ending.FAILED,
    State.EXPIRED: Ending.FAILED,
    State.UNROUTABLE: Ending.FAILED,
    State.BLOCKED: Ending.FAILED,
    State.CANCELLED: Ending.CANCELLED,
    State.LOST: Ending.UNKNOWN,
    State.INTERRUPTED: Ending.UNKNOWN,
}


def test_each_final_state_is_an_ending() -> None:
    """Alone, and beside a server where it succeeded."""
    assert set(EACH) == {state for state in State if state.final}
    for state, meant in EACH.items():
        assert ending([state]) is meant
        assert ending([State.SUCCEEDED, state]) is meant


def test_of_several_attempts_the_last_one_counts() -> None:
    """A job that was interrupted, and succeeded when it was started again, has succeeded."""
    runs = [
        Run(host="work.reports", state="succeeded", attempt=2),
        Run(host="work.reports", state="interrupted", attempt=1),
    ]
    assert Job(id="j", runs=tuple(runs)).ok


@pytest.mark.parametrize(
    ("states", "meant"),
    [
        ([], Ending.FAILED),
        (["failed", "lost", "cancelled"], Ending.FAILED),
        (["lost", "cancelled"], Ending.UNKNOWN),
        (["succeeded", "of a later version"], Ending.UNKNOWN),
        (["failed", "running"], None),
        (["queued"], None),
    ],
)
def test_the_worst_that_is_certain_counts(states: list[str], meant: Ending | None) -> None:
    assert ending(states) is meant


def test_a_rollout_has_ended_when_it_is_over() -> None:
    """While its last servers are watched nobody says how it ended; one that was stopped has not
    succeeded, wherever it did before."""

    def ending_of(*, over: bool, stopped: str = "") -> Ending | None:
        rollout = {"over": over, "stopped": stopped}
        hold = {"opened": "2026-11-27T12:00:00Z", "rollout": rollout}
        return Job(id="j", runs=(Run(host="web-1", state="succeeded"),), hold=hold).ending

    assert ending_of(over=False) is None
    assert ending_of(over=True) is Ending.SUCCEEDED
    assert ending_of(over=True, stopped="ann said back.") is Ending.FAILED
