"""The page of a job and the lines that its script fetches, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from baton.bus.messages import Person, State, now
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.jobs import Place
from bot.store import PostRow, Store
from tests.bot.store.build import entry, ping, taken_up
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.bot.web.console.jobs import RunningJob

EVIL = "<script>alert(1)</script>\u202e"


async def _talked(store: Store) -> RunningJob:
    """A job that failed on one server, with some output."""
    job = await RunningJob.begin(store, "web-1", "web-2")
    await job.say("web-1", f"one\n{EVIL}", step="build", after=30)
    await job.say("web-2", "\x1b[0;31mred\x1b[0m & plain", after=30)
    await job.end("web-1", State.SUCCEEDED, "v2 is live")
    await job.end("web-2", State.FAILED, f"failed {EVIL}")
    return job


async def _lines(console: Console, job: RunningJob, **query: str) -> dict[str, Any]:
    answer = await console.client.get(f"/jobs/{job.id}/lines", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_page_says_what_who_where_and_how_far(console: Console, store: Store) -> None:
    """All of it is there without a script; what servers wrote is text."""
    job = await _talked(store)
    answer = await console.client.get(f"/jobs/{job.id[:6]}")
    assert answer.status_code == 200
    html = answer.text
    for part in (
        job.new.job.title,
        "1 failed, 1 succeeded",
        "v2 is live",
        "&amp; plain",
        "Retry what",
    ):
        assert part in html
    assert '<span class="f1">red</span>' in html
    assert "<script>alert" not in html
    assert "\u202e" not in html
    assert " style=" not in html


def _address(place: Place, message: str) -> str:
    return f"https://chat.example.com/{place.channel}/{message or 'channel'}?in={place.thread}"


async def test_the_page_leads_to_its_post(open_console: OpenConsole, store: Store) -> None:
    """To the thread in which the job is shown, once its post is there; before, to the channel."""
    console = await open_console(message_address=_address)
    job = await _talked(store)
    place = job.new.job.place
    page = (await console.client.get(f"/jobs/{job.id}")).text
    assert f'<a href="https://chat.example.com/{place.channel}/channel?in=' in page
    row = PostRow(job.id, job.id, place.front, place.channel, now(), thread="1.0")
    await store.posts.claim(row)
    await store.posts.mark_shown(job.id, "2.0", "d", now())
    page = (await console.client.get(f"/jobs/{job.id}")).text
    assert f'<a href="https://chat.example.com/{place.channel}/2.0?in=1.0"' in page


async def test_a_job_that_no_server_has_answered_is_sent(console: Console, store: Store) -> None:
    """A broadcast is for whoever answers: with no run it has not succeeded, as long as it is
    open."""
    new = ping(asked=now())
    await store.ledger.start_job(new, entry(new))
    await store.ledger.settle(taken_up(new.outbox, now() + timedelta(hours=1)), at=now())
    page = (await console.client.get(f"/jobs/{new.job.id}")).text
    shown = (await console.client.get(f"/api/v1/jobs/{new.job.id}")).json()
    assert shown["state"] == "sent"
    assert '<span id="state"><span class="state state-sent">sent</span>' in page


async def test_lines_come_in_spans_with_the_runs_at_that_moment(
    console: Console, store: Store
) -> None:
    job = await _talked(store)
    found = await _lines(console, job)
    assert [(line["host"], line["line"]) for line in found["lines"]] == [
        ("web-1", 1), ("web-1", 2), ("web-2", 1), ("web-1", 3), ("web-2", 2),
    ]  # fmt: skip
    assert found["lines"][2]["spans"] == [["f1", "red"], ["", " & plain"]]
    assert {(run["host"], run["state"], run["lines"]) for run in found["runs"]} == {
        ("web-1", "succeeded", 3), ("web-2", "failed", 2),
    }  # fmt: skip
    assert found["revision"] > 0
    assert not found["more"]
    one = await _lines(console, job, host="web-2", count="1")
    assert (len(one["lines"]), one["more"]) == (1, True)
    jumped = await _lines(console, job, **{"from": "web-1@1:2", "count": "2", "host": "web-1"})
    assert [line["line"] for line in jumped["lines"]] == [2, 3]
    assert [line["step"] for line in (await _lines(console, job, step="build"))["lines"]] == (
        ["build"] * 2
    )


async def test_it_is_shown_as_it_was(console: Console, store: Store) -> None:
    """Until a moment there are the lines and the states of then."""
    job = await _talked(store)
    then = await _lines(console, job, until=job.at(45).isoformat())
    assert [line["line"] for line in then["lines"]] == [1, 2, 1]
    assert {run["state"] for run in then["runs"]} == {"running"}
    now = await _lines(console, job, until=job.at(90).isoformat())
    assert {run["state"] for run in now["runs"]} == {"succeeded", "failed"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"count": "0"}, "count"),
        ({"count": "1000000"}, "count"),
        ({"count": "²"}, "count"),
        ({"until": "yesterday"}, "until"),
        ({"before": "web-1"}, "before"),
        ({"after": "web-1@99999999999:1"}, "after"),
        ({"before": "web-1@1:1", "after": "web-1@1:1"}, "before"),
        ({"host": "x" * 600}, "host"),
    ],
)
async def test_what_cannot_be_used_is_named(
    console: Console, store: Store, query: dict[str, str], field: str
) -> None:
    job = await _talked(store)
    answer = await console.client.get(f"/jobs/{job.id}/lines", params=query)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


@pytest.mark.parametrize("id", ["nobody", "abc", "x" * 40, "%00", "..%2f..", "%27or1"])
async def test_an_unknown_job_is_a_page_with_a_way_on(console: Console, id: str) -> None:
    answer = await console.client.get(f"/jobs/{id}", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert 'href="/jobs"' in answer.text


async def test_who_may_not_read_a_job_sees_nothing_of_it(
    open_console: OpenConsole, store: Store
) -> None:
    """The page and the lines ask the same policy as chat does."""
    policy = Policy(environments={"prod": EnvironmentTable(protected=True)})
    console = await open_console(Person(id="U_EVE", name="eve"), policy=policy)
    job = await _talked(store)
    for address in (f"/jobs/{job.id}", f"/jobs/{job.id}/lines"):
        answer = await console.client.get(address)
        assert answer.status_code == 403, answer.text
        assert "v2 is live" not in answer.text
        assert job.new.job.title not in answer.text


async def test_who_may_read_which_jobs_there_are_sees_no_output(
    open_console: OpenConsole, store: Store
) -> None:
    """A rule for `jobs` shows the states of a job; what servers wrote needs one for `log`."""
    eve = Person(id="U_EVE", name="eve")
    policy = Policy(
        (Rule(who=(eve.id,), commands=("jobs",)),), {"prod": EnvironmentTable(protected=True)}
    )
    console = await open_console(eve, policy=policy)
    job = await _talked(store)
    answer = await console.client.get(f"/jobs/{job.id}")
    assert answer.status_code == 200
    assert "1 failed, 1 succeeded" in answer.text
    assert "v2 is live" not in answer.text
    assert "&amp; plain" not in answer.text
    assert "Not allowed: /log" in answer.text
    assert (await console.client.get(f"/jobs/{job.id}/lines")).status_code == 403
