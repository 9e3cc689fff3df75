"""Frames are bounded, and rendered once for all who are sent them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bot.store.jobs.news import BEGINNING, News, OutputPiece, Position
from bot.web.console.feed.frame import MOST_BYTES, Rendering, frames
from bot.web.console.feed.job_feed import INTERVAL
from tests.bot.build import job

AT = datetime(2026, 11, 27, tzinfo=UTC)


def piece(revision: int, text: str) -> OutputPiece:
    return OutputPiece("web-1", 1, revision, AT, "log", "", text, Position(revision))


def test_frames_are_bounded_in_time_and_size() -> None:
    """At most 250 ms and about 64 KB, so that a page stays quick while a server floods it."""
    assert INTERVAL <= 0.25
    pieces = tuple(piece(number, "x" * 3_000) for number in range(1, 101))
    news = News(replace(job(), revision=100), (), pieces, more=False, unstamped=0)
    made = frames(BEGINNING, news, ())
    assert [one for frame in made for one in frame.pieces] == list(pieces)
    assert len(made) > 3
    assert all(frame.size <= MOST_BYTES + 3_000 for frame in made)
    assert [frame.begin for frame in made[1:]] == [frame.end for frame in made[:-1]]


def test_a_frame_is_rendered_once_for_all_its_clients() -> None:
    """The same bytes, not only equal ones: 500 clients cost one rendering."""
    news = News(replace(job(), revision=1), (), (piece(1, "one"),), more=False, unstamped=0)
    (frame,) = frames(BEGINNING, news, ())
    for rendering in Rendering:
        assert frame.rendered(rendering) is frame.rendered(rendering)
    assert frame.rendered(Rendering.API) != frame.rendered(Rendering.PAGE)
