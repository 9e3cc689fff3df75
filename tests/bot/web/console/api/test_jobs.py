"""Jobs over the API: one with its runs, and the history."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from baton.bus.messages import Person, State
from baton.errors import UsageError
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.jobs import NewJob, Place
from tests.bot.build import ANN
from tests.bot.store.build import asked, deploy, later, update
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.support.wait import until

BEN = Person(id="U_BEN", name="ben")
OPS = Place("slack", "C_OPS", name="ops")
PROTECTED = Policy(
    [Rule(who=("U_ANN",), commands=("jobs",))],
    {"prod": EnvironmentTable(protected=True, ask="@oncall")},
)


async def get(console: Console, path: str, **query: Any) -> Any:
    answer = await console.client.get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


async def add(console: Console, *hosts: str, **fields: Any) -> NewJob:
    return await asked(console.bot.store, deploy(*hosts, **{"place": OPS, **fields}))


async def test_a_job_that_was_asked_here(console: Console) -> None:
    """Is shown with its runs and what their servers said, by its id or the beginning of it."""
    job = (await console.ask("ship shop prod")).json()["job"]

    async def ended() -> bool:
        return (await get(console, f"/jobs/{job}"))["closed"] is not None

    await until(ended)
    shown = await get(console, f"/jobs/{job[:6]}")
    assert (shown["id"], shown["title"], shown["command"]) == (job, "ship shop prod", "ship")
    assert shown["person"] == {"id": "U_ANN", "name": "ann"}
    assert shown["place"]["front"] == "console"
    assert (shown["state"], shown["summary"]) == ("succeeded", "3 of 3 done")
    assert [run["host"] for run in shown["runs"]] == ["web-1", "web-2", "web-3"]
    run = shown["runs"][0]
    assert (run["state"], run["text"], run["lines"]) == ("succeeded", "done", 2)
    assert run["sent"] <= run["started"] <= run["finished"]
    assert "ends_within" not in run["facts"]


@pytest.mark.parametrize("id", ["nothing1", "abc", "%00%ff", "a" * 500, "%2e%2e%2fme"])
async def test_an_unknown_job(console: Console, id: str) -> None:
    """404, and where to look instead."""
    answer = await console.client.get(f"/api/v1/jobs/{id}")
    assert answer.status_code == 404
    assert "history" in answer.json()["detail"] or "nothing" in answer.json()["detail"].lower()
    assert answer.headers["content-type"] == "application/problem+json"


async def test_what_may_not_be_read(open_console: OpenConsole) -> None:
    """403 in the words of the policy. Whoever may list jobs may not for that read what their
    servers say."""
    console = await open_console(policy=PROTECTED)
    mine = await add(console, "web-1", place=Place("terminal", "jobs"), asked_by=ANN)
    theirs = await add(console, "web-1", asked_by=BEN)
    answer = await console.client.get(f"/api/v1/jobs/{theirs.job.id}")
    assert answer.status_code == 403
    detail = answer.json()["detail"]
    assert "Not allowed: /log shop in prod" in detail
    assert "Ask @oncall." in detail
    assert (await get(console, f"/jobs/{mine.job.id}"))["id"] == mine.job.id
    listed = await get(console, "/jobs")
    assert {job["id"] for job in listed["jobs"]} == {mine.job.id, theirs.job.id}


async def test_what_may_not_be_listed(open_console: OpenConsole) -> None:
    """It is left out and counted."""
    console = await open_console(policy=Policy([], PROTECTED.environments))
    mine = await add(console, "web-1", place=Place("terminal", "jobs"), asked_by=ANN)
    await add(console, "web-1", asked_by=BEN)
    listed = await get(console, "/jobs")
    assert [job["id"] for job in listed["jobs"]] == [mine.job.id]
    assert listed["left_out"] == 1
    assert listed["note"] == "1 job left out: you are not allowed to read it"


async def test_rights_that_cannot_be_known_now(
    open_console: OpenConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, not 403: it is worth trying again."""

    async def away() -> frozenset[str]:
        raise UsageError("Slack does not answer")

    monkeypatch.setattr("bot.web.console.access._no_groups", away)
    groups = Policy([Rule(who=("@oncall",))], PROTECTED.environments)
    console = await open_console(policy=groups)
    theirs = await add(console, "web-1", asked_by=BEN)
    answer = await console.client.get(f"/api/v1/jobs/{theirs.job.id}")
    assert answer.status_code == 503
    assert "Try again" in answer.json()["detail"]
    assert "try again" in (await get(console, "/jobs"))["note"]


async def test_the_history_is_filtered_page_by_page(console: Console) -> None:
    """Newest first; `next` leads on, and is null at the end."""
    jobs = [await add(console, "web-1", "web-2", asked=later(n), asked_by=BEN) for n in range(5)]
    failed = [
        update(jobs[2], "web-1", 1, State.FAILED),
        update(jobs[2], "web-2", 1, State.SUCCEEDED),
    ]
    await console.bot.store.ledger.apply_updates(failed, later(9))
    await add(console, "web-1", app="blog", asked=later(10))
    seen: list[str] = []
    page = await get(console, "/jobs", limit=2, person="@ben")
    while True:
        seen += [job["id"] for job in page["jobs"]]
        if page["next"] is None:
            break
        page = await get(console, "/jobs", limit=2, person="@ben", before=page["next"])
    assert seen == [new.job.id for new in reversed(jobs)]
    (job,) = (await get(console, "/jobs", state="failed"))["jobs"]
    assert (job["id"], job["state"], job["servers"]) == (jobs[2].job.id, "failed", 2)
    assert job["states"] == {"failed": 1, "succeeded": 1}
    (job,) = (await get(console, "/jobs", app="blog"))["jobs"]
    assert (await get(console, "/jobs", since=later(10).isoformat()))["jobs"] == [job]
    assert job["asked"] == later(10).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("state", "fine"),
        ("since", "yesterday"),
        ("until", "-602444914477"),
        ("limit", "0"),
        ("limit", "201"),
        ("before", "x"),
        ("format", "xml"),
        ("q", "a" * 201),
    ],
)
async def test_a_filter_that_cannot_be_used(console: Console, field: str, value: str) -> None:
    """422 names it."""
    answer = await console.client.get("/api/v1/jobs", params={field: value})
    assert answer.status_code == 422
    assert answer.json()["field"] == field


async def test_jobs_of_a_server(console: Console) -> None:
    """In the list and in CSV."""
    one = await add(console, "web-2.example.com", key="k1")
    await add(console, "web-1.example.com", key="k2")
    listed = await get(console, "/jobs", server="web-2")
    assert [job["id"] for job in listed["jobs"]] == [one.job.id]
    answer = await console.client.get("/api/v1/jobs", params={"format": "csv", "server": "web-2"})
    assert [row[0] for row in csv.reader(io.StringIO(answer.text))] == ["id", one.job.id]


async def test_csv_has_all_jobs_and_no_formula(console: Console) -> None:
    """What somebody called a job or themselves is never calculated by a spreadsheet."""
    names = [
        '=HYPERLINK("http://evil.example")',
        "+1",
        "-1",
        "@SUM(A1)",
        " =1",
        'ann, of "ops" =',
    ]
    for number, name in enumerate(names):
        await add(console, "web-1", asked=later(number), asked_by=Person(id="U_EVE", name=name))
    for number in range(60):
        await add(console, "web-1", asked=later(100 + number), asked_by=BEN)
    answer = await console.client.get("/api/v1/jobs", params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    heads, *rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert len(rows) == 66
    assert {len(row) for row in rows} == {len(heads)}
    people = [row[heads.index("person")] for row in rows[60:]][::-1]
    assert [name.removeprefix("'") for name in people] == names
    assert all(name.startswith("'") for name in people[:5])
    answer = await console.client.get("/api/v1/jobs", params={"format": "csv", "limit": 3})
    assert len(answer.text.splitlines()) == 4


async def test_csv_has_as_many_jobs_as_were_asked_for(
    open_console: OpenConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many lie between that one may not read."""
    monkeypatch.setattr("bot.web.console.reading.jobs.MAX_LOOKED_AT", 50)
    console = await open_console(policy=Policy([], PROTECTED.environments))
    here = Place("terminal", "jobs")
    mine = [await add(console, "web-1", place=here, asked_by=ANN, asked=later(n)) for n in range(3)]
    for number in range(60):
        await add(console, "web-1", asked_by=BEN, asked=later(100 + number))
    query: dict[str, Any] = {"format": "csv", "limit": 2}
    answer = await console.client.get("/api/v1/jobs", params=query)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == [mine[2].job.id, mine[1].job.id]
