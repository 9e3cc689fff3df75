"""What a person reads alone whose job cannot be posted in their channel."""

from __future__ import annotations

import pytest

from baton.bus.messages import State
from bot.content import Content, JobContent, NoticeContent, OutputContent, Post
from bot.posts.unpostable import outcome_text, refusal_text

JOB = "cs1b79vgvtr35pz2"
ENDED = JobContent("ship shop prod", "U_ANN", "2 of 2 done", State.SUCCEEDED)


def test_a_job_under_way_is_said_to_go_on() -> None:
    """Its result follows in the same way."""
    text = refusal_text(JOB, Post(JOB, ENDED), "the bot is not here.")
    assert text == (
        "The progress of job cs1b79 cannot be posted: the bot is not here. "
        "The job is still running; its result will be sent to you here."
    )


def test_a_job_that_has_ended_is_one_message() -> None:
    """Why it cannot be posted, how it ended, and where its output is."""
    text = refusal_text(JOB, Post(JOB, ENDED, closing=True), "the bot is not here.")
    assert text == (
        "Job cs1b79 cannot be posted: the bot is not here. ship shop prod finished: succeeded: "
        "2 of 2 done. For the output: /baton log cs1b79"
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (NoticeContent("ping prod is paused.", State.FAILED), "ping prod is paused."),
        (
            JobContent("ping prod", "U_ANN", "2 failed", State.FAILED, schedule="s1"),
            "ping prod: 2 failed",
        ),
        (OutputContent("web-1", State.FAILED, "exit code 1"), ""),
    ],
)
def test_what_is_no_job_says_what_its_post_would(content: Content, text: str) -> None:
    """A notice and a day of a schedule have no output to look up."""
    assert outcome_text(JOB, Post(JOB, content)) == text
