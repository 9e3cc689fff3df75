"""The output of jobs over the API: lines, search, and all of it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from baton.bus.messages import Person, State
from bot.dispatch.policy import EnvironmentTable, Policy
from bot.jobs import NewJob, Place
from bot.store.errors import DatabaseUnavailable
from bot.store.output import log_slices
from bot.store.output.log_slices import Slice
from tests.bot.store.build import asked, deploy, later, update
from tests.bot.web.console.conftest import Console, OpenConsole

BEN = Person(id="U_BEN", name="ben")


async def written(console: Console, **texts: list[str]) -> NewJob:
    """A job whose servers have said these texts."""
    hosts = {name.replace("_", "."): pieces for name, pieces in texts.items()}
    new = deploy(*hosts, place=Place("slack", "C_OPS", name="ops"), asked_by=BEN)
    await asked(console.bot.store, new)
    said = [
        update(new, host, number, State.RUNNING, text=text, level="log", step="build")
        for host, pieces in hosts.items()
        for number, text in enumerate(pieces, start=1)
    ]
    await console.bot.store.ledger.apply_updates(said, later(9))
    return new


async def get(console: Console, new: NewJob, path: str, **query: Any) -> Any:
    answer = await console.client.get(f"/api/v1/jobs/{new.job.id}/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_lines_of_a_log(console: Console) -> None:
    """By their numbers, without colours and what nobody sees; `next` is the line that follows."""
    new = await written(console, web=["one\n\x1b[31mtwo\x1b[0m", "thr\x07ee\n\x1b]0;title\x07four"])
    page = await get(console, new, "log", first=2, count=2)
    assert (page["host"], page["attempt"], page["total"], page["next"]) == ("web", 1, 4, 4)
    assert [(line["line"], line["text"]) for line in page["lines"]] == [(2, "two"), (3, "three")]
    assert page["lines"][0]["step"] == "build"
    page = await get(console, new, "log", first=4)
    assert ([line["text"] for line in page["lines"]], page["next"]) == (["four"], None)
    page = await get(console, new, "log", first=99)
    assert (page["lines"], page["next"]) == ([], None)


async def test_which_server_is_meant(console: Console) -> None:
    """Its name, or the first part of it; of several one must be named."""
    new = await written(console, web_a=["a"], db_a=["b"])
    assert (await get(console, new, "log", host="web"))["host"] == "web.a"
    for query, told in (({}, "2 servers"), ({"host": "wep"}, "wep"), ({"host": "\0"}, "no server")):
        answer = await console.client.get(f"/api/v1/jobs/{new.job.id}/log", params=query)
        assert answer.status_code == 422
        assert answer.json()["field"] == "host"
        assert told in answer.json()["detail"]
    answer = await console.client.get(f"/api/v1/jobs/{new.job.id}/log?host=web&attempt=2")
    assert answer.json()["field"] == "attempt"


async def test_a_search_page_by_page(console: Console) -> None:
    """Over all servers; the first page counts all, and `next` leads on to each hit once."""
    new = await written(
        console,
        web=[f"line {number}: an Error\nfine" for number in range(150)],
        db=["er\x1b[1mror"],
    )
    page = await get(console, new, "search", q="ERROR")
    assert (page["count"], page["whole"], len(page["lines"])) == (151, True, 100)
    assert page["lines"][0]["text"] == "error"
    rest = await get(console, new, "search", q="ERROR", after=page["next"])
    assert (rest["count"], rest["next"]) == (None, None)
    found = [(line["host"], line["line"]) for line in page["lines"] + rest["lines"]]
    assert found == [("db", 1), *(("web", 2 * number + 1) for number in range(150))]
    assert (await get(console, new, "search", q="error", host="db"))["count"] == 1
    assert (await get(console, new, "search", q="error", step="test"))["count"] == 0


@pytest.mark.parametrize(
    ("field", "query"),
    [
        ("q", {}),
        ("q", {"q": ""}),
        ("q", {"q": "a\nb"}),
        ("after", {"q": "a", "after": "x"}),
        ("limit", {"q": "a", "limit": "0"}),
        ("host", {"q": "a", "host": "nobody"}),
    ],
)
async def test_a_search_that_cannot_be_used(
    console: Console, field: str, query: dict[str, str]
) -> None:
    """422 names the field."""
    new = await written(console, web=["a"])
    answer = await console.client.get(f"/api/v1/jobs/{new.job.id}/search", params=query)
    assert answer.status_code == 422
    assert answer.json()["field"] == field


async def test_the_whole_log(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a text file, in parts, whatever its size; or that of one server."""
    monkeypatch.setattr(log_slices, "SLICE_CHARACTERS", 1000)
    lines = [f"\x1b[3{number % 8}mline {number}\x1b[0m" for number in range(600)]
    new = await written(console, web=lines, db=["x"])
    answer = await console.client.get(f"/api/v1/jobs/{new.job.id}/log.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert f'filename="{new.job.id}-output.txt"' in answer.headers["content-disposition"]
    first, *rest = answer.text.splitlines()
    assert first.endswith(" db [build] x")
    assert [line.partition("] ")[2] for line in rest] == [f"line {n}" for n in range(600)]
    answer = await console.client.get(f"/api/v1/jobs/{new.job.id}/log.txt", params={"host": "db"})
    assert answer.text == f"{first}\n"


async def test_a_download_that_cannot_be_finished(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It breaks off, so that nobody takes a part for the whole; the bot goes on."""
    monkeypatch.setattr(log_slices, "SLICE_CHARACTERS", 100)
    new = await written(console, web=[f"line {number}" for number in range(100)])
    ledger = console.bot.store.ledger
    read, left = ledger.output_slice, iter(range(3))

    async def some(job: str, part: Slice) -> Any:
        if next(left, None) is None:
            raise DatabaseUnavailable(url="sqlite:///baton.db", reason="its disk is full")
        return await read(job, part)

    monkeypatch.setattr(ledger, "output_slice", some)
    came = bytearray()

    async def download() -> None:
        async with console.client.stream("GET", f"/api/v1/jobs/{new.job.id}/log.txt") as answer:
            assert answer.status_code == 200
            async for part in answer.aiter_raw():
                came.extend(part)

    with pytest.raises(httpx.RemoteProtocolError):
        await download()
    assert b"line 0" in came
    assert b"line 99" not in came
    assert (await get(console, new, "log"))["total"] == 100


@pytest.mark.parametrize("path", ["log", "log.txt", "search?q=a"])
async def test_output_that_may_not_be_read(open_console: OpenConsole, path: str) -> None:
    """403 in the words of the policy; of an unknown job 404."""
    protected = Policy([], {"prod": EnvironmentTable(protected=True)})
    console = await open_console(policy=protected)
    new = await written(console, web=["a"])
    answer = await console.client.get(f"/api/v1/jobs/{new.job.id}/{path}")
    assert answer.status_code == 403
    assert "/log shop in prod" in answer.json()["detail"]
    assert (await console.client.get(f"/api/v1/jobs/nothing1/{path}")).status_code == 404
