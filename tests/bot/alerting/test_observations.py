"""What servers, jobs and schedules say, as the engine of alerts takes it."""

from __future__ import annotations

import pytest

from baton.bus.messages import State
from bot.alerting.observations import job_samples, schedule_sample
from bot.schedules.schedule import ScheduleResult
from tests.bot.build import T0, job, run


@pytest.mark.parametrize(
    ("state", "bad"),
    [
        (State.SUCCEEDED, False),
        (State.FAILED, True),
        (State.LOST, True),
        (State.UNROUTABLE, True),
        (State.EXPIRED, True),
        (State.BLOCKED, True),
        (State.INTERRUPTED, True),
        (State.REFUSED, None),
        (State.CANCELLED, None),
    ],
)
def test_how_a_run_ended(state: State, bad: bool | None) -> None:
    """Each way to fail is bad, success is good; who was refused or cancelled proves nothing."""
    found = [sample.bad for sample in job_samples(job(), [run(state=state, sent=T0)], 9.0)]
    assert found == ([] if bad is None else [bad])


def test_what_was_never_sent_is_no_observation_of_a_server() -> None:
    """It was the bus that was away, or the bot."""
    assert job_samples(job(), [run(state=State.EXPIRED)], 9.0) == []


def test_the_same_on_the_same_server_is_the_same_alert() -> None:
    """Its identity is the command, the app and the server, not the job nor what was said."""
    samples = [
        *job_samples(job(id="one"), [run(state=State.FAILED, text="line 1\nexit code 3")], 1.0),
        *job_samples(job(id="two"), [run(state=State.SUCCEEDED)], 2.0),
    ]
    assert samples[0].labels == samples[1].labels
    assert samples[0].labels.title() == "ship shop on web-1 in prod"
    assert samples[0].text == "failed: exit code 3"


def test_a_schedule() -> None:
    """A scheduled ping that is not answered fires; the next good one ends it."""
    seen = ScheduleResult("5c4", "ping prod every 5m", "ping prod", T0, False, "2 of 3 answered")
    sample = schedule_sample(seen, "prod", 3.0)
    assert (sample.bad, sample.text) == (True, "2 of 3 answered")
    assert sample.labels.get("schedule") == "ping prod every 5m"
