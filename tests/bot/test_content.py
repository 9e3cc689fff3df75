"""The digest of a post, which the database keeps, says whether the chat shows it as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from baton.bus.messages import State
from bot.content import FileContent, JobContent, Post, Row

CONTENT = JobContent("ship shop prod", "U_ANN", "1 of 2 done", State.RUNNING)
POST = Post("j1", CONTENT)


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": "2 of 2 done"},
        {"state": State.SUCCEEDED},
        {"rows": (Row("web-1", State.RUNNING),)},
        {"hint": "blind"},
    ],
)
def test_it_changes_with_what_is_shown(changes: dict[str, object]) -> None:
    """So the message is edited."""
    assert replace(POST, content=replace(CONTENT, **changes)).digest != POST.digest  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [{"parent": "p"}, {"closing": True}, {"desired_since": 1.0, "updates": 7}, {"hold_until": 9.0}],
)
def test_it_does_not_change_with_how_it_is_posted(changes: dict[str, object]) -> None:
    """Nothing is edited for that."""
    assert replace(POST, **changes).digest == POST.digest  # type: ignore[arg-type]


def test_it_does_not_change_with_what_a_reader_does_not_see() -> None:
    """Which servers are in a thread or in a file is no reason for an edit or another file."""
    threaded = replace(CONTENT, shown_in_thread=("web-1",))
    assert Post("j1", threaded).digest == POST.digest
    one, other = (FileContent("j1.txt", "j1", hosts) for hosts in (("web-1",), ("web-2",)))
    assert Post("f", one).digest == Post("f", other).digest


def test_a_text_that_is_no_utf_8_has_a_digest() -> None:
    """What a program prints must keep no post from being shown."""
    assert len(Post("j1", replace(CONTENT, summary="\udc80")).digest) == 24
