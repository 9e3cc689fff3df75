"""What the API lists is what the person may read, as the commands of chat show it."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from baton.bus.messages import Person, State, now
from bot.dispatch.policy import Policy
from bot.jobs import AuditEntry
from tests.bot.build import ANN, OPS
from tests.bot.counter import BEN, GUARDED, SECRET
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.bot.web.console.jobs import RunningJob
from tests.bot.world import away

LISTS = ("servers", "alerts", "alerts/history", "schedules", "audit", "commands", "me")


async def get(console: Console, path: str, **query: Any) -> dict[str, Any]:
    answer = await console.client.get(f"/api/v1/{path}", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


async def test_servers(console: Console) -> None:
    """With their environment, their apps, and when they were heard."""
    found = await get(console, "servers")
    (first, *others) = found["servers"]
    assert [one["host"] for one in (first, *others)] == ["web-1", "web-2", "web-3"]
    assert (first["environment"], first["apps"], first["missing"]) == ("prod", ["shop"], False)
    assert (await get(console, "servers", environment="staging"))["servers"] == []


async def test_servers_of_a_protected_environment(open_console: OpenConsole) -> None:
    """Are left out for who may not look there, and counted."""
    console = await open_console(BEN, policy=GUARDED)
    found = await get(console, "servers")
    assert (found["servers"], found["left_out"]) == ([], 3)


@pytest.mark.parametrize(("name", "read"), [("U_EVE", False), (ANN.id, True)])
async def test_what_is_live_is_a_fact_of_the_server(
    open_console: OpenConsole, name: str, read: bool
) -> None:
    """Whoever may look at a server may know its version, though it was deployed from a private
    channel; the job is named and linked only to who may read it."""
    console = await open_console(Person(id=name), policy=Policy())
    secret = replace(SECRET, front="terminal")
    job = await RunningJob.begin(console.bot.store, "web-1", place=secret, asked_by=ANN)
    facts = {"ref": "v2", "commit": "1a2b3c4d", "release": "20261124-1a2b3c4d"}
    await job.end("web-1", State.SUCCEEDED, "done", facts=facts)
    live = (await get(console, "servers"))["servers"][0]["live"]["shop"]
    assert (live["label"], live["job"]) == ("v2 (1a2b3c4d)", job.id if read else "")
    page = (await console.client.get("/servers")).text
    assert "v2 (1a2b3c4d)" in page
    assert (job.id in page) is read
    assert (await console.client.get(f"/jobs/{job.id}")).status_code == (200 if read else 403)


async def test_a_plan_says_what_is_live_on_each_server(console: Console) -> None:
    """Before it is replaced: to programs, and on the form of the command."""
    job = await RunningJob.begin(console.bot.store, "web-1")
    facts = {"ref": "v2", "commit": "1a2b3c4d", "release": "20261124-1a2b3c4d"}
    await job.end("web-1", State.SUCCEEDED, "done", facts=facts)
    answer = await console.client.post("/api/v1/plans", json={"text": "ship shop prod"})
    assert answer.status_code == 200, answer.text
    live = {one["host"]: one["live"] for one in answer.json()["servers"]}
    assert live["web-1"]["shop"]["label"] == "v2 (1a2b3c4d)"
    assert live["web-1"]["shop"]["job"] == job.id
    assert live["web-2"] == {}
    page = await console.client.get("/run/ship/plan?f-app=shop&f-environment=prod")
    assert "v2 (1a2b3c4d)" in page.text


async def test_a_bot_without_alerts(console: Console) -> None:
    """Says so, in an answer of the same form."""
    found = await get(console, "alerts")
    assert (found["on"], found["alerts"], found["silences"]) == (False, [], [])
    assert (await get(console, "alerts/history"))["alerts"] == []


async def test_schedules(console: Console) -> None:
    """What was scheduled here, with its next times."""
    await console.ask("schedule ship shop prod every day at 9am")
    (one,) = (await get(console, "schedules"))["schedules"]
    assert (one["words"], one["status"], one["by"]) == ("ship shop prod", "active", "ann")
    assert len(one["next"]) == 3


async def entries(console: Console, count: int) -> None:
    """Entries of ann and ben, a second apart, the last of which are the latest."""
    for number in range(count):
        who = ANN if number % 2 else BEN
        at = now() + timedelta(seconds=number)
        verdict, where = ("allowed", "prod") if number % 3 else ("refused", "staging")
        words = f"=ship {number}"
        await console.bot.store.audit.add(
            AuditEntry(at, who, OPS, words, verdict, environment=where)
        )


def words(found: dict[str, Any]) -> list[str]:
    return [one["words"] for one in found["audit"]]


async def test_the_audit_log_page_by_page(console: Console) -> None:
    """Each entry once, the newest first."""
    await entries(console, 7)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        found = await get(console, "audit", **query)
        seen += words(found)
        if found["next"] is None:
            break
        query["before"] = found["next"]
    assert seen == [f"=ship {number}" for number in range(6, -1, -1)]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"person": ANN.id}, [5, 3, 1]),
        ({"environment": "staging"}, [3, 0]),
        ({"verdict": "allowed", "person": BEN.id}, [4, 2]),
        ({"until": "2020-01-01T00:00:00"}, []),
        ({"since": "2020-01-01T00:00:00Z", "limit": 2}, [5, 4]),
    ],
)
async def test_the_audit_log_is_filtered(
    console: Console, query: dict[str, Any], numbers: list[int]
) -> None:
    """All that is given must be true."""
    await entries(console, 6)
    assert words(await get(console, "audit", **query)) == [f"=ship {one}" for one in numbers]


async def test_the_audit_log_of_others(open_console: OpenConsole) -> None:
    """Of a protected environment, and of a private channel, only who may read it there."""
    console = await open_console(Person(id="U_EVE", name="eve"), policy=GUARDED)
    add = console.bot.store.audit.add
    await add(AuditEntry(now(), ANN, OPS, "ship shop prod", "allowed", environment="prod"))
    await add(AuditEntry(now(), ANN, SECRET, "ship shop staging", "allowed", environment="staging"))
    await add(AuditEntry(now(), ANN, OPS, "ship shop staging", "allowed", environment="staging"))
    found = await get(console, "audit")
    assert (words(found), found["left_out"]) == (["ship shop staging"], 2)


async def test_the_audit_log_for_a_spreadsheet(console: Console) -> None:
    """All of it; no cell is a formula, whatever people typed."""
    await entries(console, 250)
    answer = await console.client.get("/api/v1/audit", params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 250
    assert rows[0]["words"] == "'=ship 249"


async def test_a_spreadsheet_has_as_many_entries_as_were_asked_for(
    open_console: OpenConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many lie between that one may not read."""
    monkeypatch.setattr("bot.web.console.reading.audit.MAX_LOOKED_AT", 4)
    console = await open_console(Person(id="U_EVE", name="eve"), policy=GUARDED)
    add = console.bot.store.audit.add
    for number in range(15):
        where = "prod" if number % 5 else "staging"
        await add(AuditEntry(now(), ANN, OPS, f"ship {number}", "allowed", environment=where))
    for limit, numbers in ((2, [10, 5]), (200, [10, 5, 0])):
        query: dict[str, Any] = {"format": "csv", "limit": limit}
        answer = await console.client.get("/api/v1/audit", params=query)
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["words"] for row in rows] == [f"ship {number}" for number in numbers]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"before": "x"}, "before"),
        ({"since": "yesterday"}, "since"),
        ({"since": "1700000000"}, "since"),
        ({"verdict": "liked"}, "verdict"),
        ({"format": "pdf"}, "format"),
    ],
)
async def test_a_filter_that_cannot_be_used(
    console: Console, query: dict[str, str], field: str
) -> None:
    answer = await console.client.get("/api/v1/audit", params=query)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_nothing_that_is_read_is_recorded(console: Console) -> None:
    """Pages and programs read again and again: the audit log has what was asked."""
    for path in LISTS:
        await get(console, path)
    assert await console.bot.store.audit.recent() == []


@pytest.mark.parametrize("path", ["schedules", "audit", "jobs?format=csv", "audit?format=csv"])
async def test_without_the_database(console: Console, path: str) -> None:
    """503, with the time to come back."""
    with away(console.bot.store):
        answer = await console.client.get(f"/api/v1/{path}")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
