"""What many servers say, in groups."""

from __future__ import annotations

import pytest

from baton.bus.messages import State
from bot.content import FleetContent, Group
from bot.jobs import RunRecord, Tail, counts
from bot.posts.grouping import MAX_FAILURE_GROUPS, MAX_TAIL, fleet_content, hosts_needed
from tests.bot.build import after, run


def runs_of(count: int, state: State = State.SUCCEEDED, text: str = "live") -> list[RunRecord]:
    return [run(f"web-{number:03}.example.net", state, text=text) for number in range(count)]


def told(runs: list[RunRecord], tails: dict[str, str]) -> FleetContent:
    said = {host: Tail(host, 1, text, 0) for host, text in tails.items()}
    found = fleet_content("j0b00001", State.FAILED, runs, said)
    assert found is not None
    return found


def headlines(content: FleetContent) -> list[str]:
    return [group.headline for group in content.groups]


def test_what_is_common_is_said_once() -> None:
    """A server's own name is no difference, be it whole or short."""
    runs = runs_of(300)
    tails = {each.host: f"on {each.host}\n{each.host.partition('.')[0]} is up" for each in runs}
    content = told(runs, tails)
    assert headlines(content) == ["300 succeeded with the same output"]
    (group,) = content.groups
    assert group.host == "web-000.example.net"
    assert group.text == "on web-000.example.net\nweb-000 is up"
    assert group.servers.endswith("and 292 more")


def test_what_differs_by_nature_is_similar_and_not_called_the_same() -> None:
    """Times, process ids, commits."""
    runs = runs_of(20)
    tails = {
        each.host: f"12:00:{at:02} built 26caa3{at:02x} in {at}.5 s by {4000 + at}"
        for at, each in enumerate(runs)
    }
    assert headlines(told(runs, tails)) == ["20 succeeded with similar output"]


def test_who_said_something_else_is_named() -> None:
    """The most common is shown; the others can be looked up."""
    runs = runs_of(10)
    tails = {each.host: "done" for each in runs}
    tails[runs[7].host] = "done, with 2 warnings"
    content = told(runs, tails)
    assert headlines(content) == [
        "9 succeeded with the same output",
        "1 succeeded with different output",
    ]
    assert content.groups[1] == Group(
        State.SUCCEEDED, "1 succeeded with different output", runs[7].host
    )


def test_each_distinct_failure_is_said_once_with_its_servers_and_last_lines() -> None:
    """Failures first, of these the most common; the lines are those of the first that failed."""
    runs = runs_of(300)
    for at in range(10, 40):
        runs[at] = run(runs[at].host, State.FAILED, text="exit code 1", finished=after(60 - at))
    runs[50] = run(runs[50].host, State.FAILED, text=f"{runs[50].host}: no space left")
    runs[60] = run(
        runs[60].host, State.UNROUTABLE, text="no agent has a queue for this server in RabbitMQ"
    )
    tails = {each.host: f"{each.host} stops\nexit code 1" for each in runs}
    content = told(runs, tails)
    assert headlines(content) == [
        "30 failed: exit code 1",
        "1 failed: web-050.example.net: no space left",
        "1 unroutable: no agent has a queue for this server in RabbitMQ",
        "268 succeeded with the same output",
    ]
    assert content.groups[0].text == "web-039.example.net stops"
    assert content.groups[0].servers.startswith("web-010.example.net, web-011")
    assert content.summary == "31 failed, 1 unroutable, 268 succeeded of 300"


def test_reasons_that_differ_only_by_server_are_one() -> None:
    """300 servers that each name themselves in their error have one failure."""
    runs = runs_of(300)
    runs = [
        run(
            each.host,
            State.FAILED,
            text=f"{each.host}:8080 refused after 0.{at} s, process {9000 + at}",
        )
        for at, each in enumerate(runs)
    ]
    content = told(runs, {})
    assert len(content.groups) == 1
    assert content.groups[0].headline.startswith("300 failed: web-000.example.net:8080 refused")


@pytest.mark.parametrize("code", [("exit code 1", "exit code 2"), ("HTTP 500", "HTTP 502")])
def test_reasons_that_mean_different_things_stay_apart(code: tuple[str, str]) -> None:
    """An exit code, a status: that is what one wants to know."""
    runs = [run(f"web-{at}", State.FAILED, text=code[at % 2]) for at in range(8)]
    assert len(told(runs, {}).groups) == 2


def test_distinct_failures_are_capped_and_the_rest_is_counted() -> None:
    """However creative the servers are, the post has an end."""
    runs = [run(f"web-{at:03}", State.FAILED, text=f"reason {'x' * at}") for at in range(200)]
    content = told(runs, {})
    assert len(content.groups) == MAX_FAILURE_GROUPS
    assert content.rest.startswith(
        f"{200 - MAX_FAILURE_GROUPS} more reasons, on {200 - MAX_FAILURE_GROUPS} servers: "
    )
    assert content.rest.endswith("and 187 more")
    assert len(hosts_needed(runs)) == MAX_FAILURE_GROUPS


def test_nothing_is_told_before_there_is_something_to_tell() -> None:
    """While all goes well the rows above suffice; a failure is told at once, and what all said
    when all have ended."""
    runs = runs_of(20)
    runs[0] = run(runs[0].host, State.RUNNING)
    assert fleet_content("j", State.RUNNING, runs, {}) is None
    assert hosts_needed(runs) == []
    runs[1] = run(runs[1].host, State.FAILED, text="exit code 1")
    assert headlines(told(runs, {})) == ["1 failed: exit code 1"]
    assert hosts_needed(runs) == [runs[1].host]
    runs[0] = run(runs[0].host, State.SUCCEEDED)
    assert len(hosts_needed(runs)) == 20


def test_who_succeeded_without_a_word_needs_no_post() -> None:
    """There is nothing to read."""
    assert fleet_content("j", State.SUCCEEDED, runs_of(20), {}) is None


def test_only_last_lines_are_not_called_the_output() -> None:
    """What was not compared is not claimed."""
    runs = runs_of(10)
    tails = {each.host: Tail(each.host, 1, "y" * MAX_TAIL, 400) for each in runs}
    found = fleet_content("j", State.SUCCEEDED, runs, tails)
    assert found is not None
    assert headlines(found) == ["10 succeeded with the same last lines"]
    assert found.groups[0].hidden == 400


def test_counts_begin_with_what_needs_attention() -> None:
    """Failures first."""
    runs = [run(state=State.SUCCEEDED), run(state=State.RUNNING), run(state=State.FAILED)]
    assert counts(runs) == "1 failed, 1 running, 1 succeeded"
