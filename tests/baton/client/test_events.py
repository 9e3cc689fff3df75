"""A job is watched over connections that break: nothing is missing and nothing comes twice."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from baton.client import Client, NotFound, UnexpectedAnswer, Unreachable
from tests.baton.client.consoles import (
    END,
    URL,
    Script,
    Waits,
    client,
    events,
    news,
    problem,
    stream,
)

CUT = httpx.ReadError("Connection reset by peer")


async def lines(console: Client) -> list[str]:
    return [line.text async for frame in console.watch("job1") for line in frame.lines]


@pytest.mark.slow
async def test_a_cut_connection_goes_on_where_it_broke() -> None:
    """At every byte of the stream: the one after names the last event that came whole."""
    whole = news(3, "one") + news(4, "two") + news(4, "three", part=1) + END
    for cut in range(len(whole)):
        seen = whole[:cut].count("\n\n")
        rest = (news(3, "one"), news(4, "two"), news(4, "three", part=1), END)[seen:]
        script = Script(events(whole[:cut], CUT), events(*rest))
        async with client(script) as console:
            assert await lines(console) == ["one", "two", "three"]
        ids = [request.headers.get("last-event-id") for request in script.requests]
        assert ids == [None, (None, "3", "4", "4.1")[seen]], cut
        assert all(not request.url.query for request in script.requests)


async def test_pings_and_events_of_later_versions_are_no_news() -> None:
    """They are left out, in any order."""
    stream = [": ping\n\n", "event: greeting\ndata: x\n\n", news(1, "one"), ": ping\n\n", END]
    async with client(Script(events(*stream))) as console:
        assert await lines(console) == ["one"]


async def test_a_bot_that_stops_is_waited_for() -> None:
    """It closes the stream and says in `retry` when to come back."""
    waits = Waits()
    script = Script(
        events(news(1, "one"), "retry: 3000\n\n"),
        httpx.ConnectError("Connection refused"),
        problem(503, "The database is away."),
        events(news(2, "two"), END),
    )
    async with client(script, waits) as console:
        assert await lines(console) == ["one", "two"]
    assert all(wait >= 3 for wait in waits.waited)
    assert waits.notices == [
        f"The console at {URL} does not answer (the connection was closed). Trying again.",
        f"The console at {URL} answers again.",
    ]


async def test_a_console_with_too_many_watchers_asks_to_wait() -> None:
    waits = Waits()
    script = Script(problem(429, "Too many watch."), events(news(1, "one"), END))
    async with client(script, waits) as console:
        assert await lines(console) == ["one"]
    assert "asks us to wait (Too many watch)" in waits.notices[0]


async def test_a_console_that_does_not_come_back_is_given_up() -> None:
    """After the patience of a watch; the error says that the job goes on, and how to see it."""
    waits = Waits()
    script = Script(events(news(1, "one"), CUT), httpx.ConnectError("Connection refused"))
    async with client(script, waits) as console:
        with pytest.raises(
            Unreachable, match=r"Job job1 goes on without us: .*`baton log job1 -f`"
        ):
            await lines(console)
        assert 280 < waits.now <= console._http.patience.watch


async def test_a_long_silence_is_no_outage() -> None:
    """A connection that was up for long was up, even if nothing happened: the patience begins
    anew."""
    waits = Waits()

    def silent() -> Iterator[str | Exception]:
        waits.now += 200
        yield CUT

    script = Script(*[stream(silent()) for _ in range(10)], events(news(1, "one"), END))
    async with client(script, waits) as console:
        assert await lines(console) == ["one"]


async def test_to_wait_for_a_connection_is_an_outage() -> None:
    """However long each attempt takes."""
    waits = Waits()

    def slow() -> None:
        waits.now += 20

    async with client(Script(httpx.ConnectTimeout(""), before=slow), waits) as console:
        with pytest.raises(Unreachable, match="no connection within 10 s"):
            await lines(console)


async def test_lines_are_read_again_where_the_stream_has_a_hole() -> None:
    """`resync`: what is missing comes from the log, and nothing that came before comes twice."""
    log = [{"host": "web-1", "attempt": 1, "line": n, "text": f"line {n}"} for n in (3, 4)]
    script = Script(
        events(news(1, "line 1", "line 2", first=1), news(5, kind="resync"), news(6, "x", first=9)),
        httpx.Response(200, json={"id": "job1", "runs": [{"host": "web-1", "state": "running"}]}),
        httpx.Response(200, json={"lines": log}),
        httpx.Response(200, json={"lines": []}),
        events(news(6, "x", first=9), news(7, "y", first=10), END),
    )
    async with client(script) as console:
        assert await lines(console) == ["line 1", "line 2", "line 3", "line 4", "x", "y"]
    firsts = [dict(each.url.params).get("first") for each in script.requests[2:4]]
    assert firsts == ["3", "5"]


async def test_a_stream_that_broke_before_its_end_is_at_its_end() -> None:
    """There is nothing more, says the console: 204."""
    script = Script(events(news(1, "one"), CUT), httpx.Response(204))
    async with client(script) as console:
        assert await lines(console) == ["one"]


async def test_what_will_not_change_is_said_at_once() -> None:
    """No reconnecting: an unknown job, an answer that is no stream, a frame that is none."""
    waits = Waits()
    for answer, error in (
        (problem(404, "No job has this id."), NotFound),
        (events("event: news\ndata: {\n\n"), UnexpectedAnswer),
        (events('event: news\ndata: {"lines": [{}]}\n\n'), UnexpectedAnswer),
        (httpx.Response(200, html="<p>Sign in</p>"), UnexpectedAnswer),
    ):
        async with client(Script(answer), waits) as console:
            with pytest.raises(error):
                await lines(console)
    assert waits.waited == []
