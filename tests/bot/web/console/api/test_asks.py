"""Asking over the API: the words of chat, one job a key, and errors that say what is wrong."""

from __future__ import annotations

import asyncio

import pytest

from bot.dispatch.rate_limiter import LimitsTable, PersonRateLimiter
from bot.dispatch.reply import Reply, ReplyKind
from bot.web.console.asking import error_of
from tests.bot.build import ANN
from tests.bot.counter import BEN, ONLY_ANN
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.bot.world import away
from tests.support.wait import until


async def test_asking_starts_a_job(console: Console) -> None:
    """Which the agents do, and which is recorded with the console as its place."""
    answer = await console.ask("ship shop prod")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["ok"], found["kind"], found["answer"]) == (True, "started", None)
    assert found["url"] == f"{console.web.url}/jobs/{found['job']}"
    await until(lambda: all(agent.requests for agent in console.agents))
    (entry,) = await console.bot.store.audit.recent(1)
    assert (entry.words, entry.place.front, entry.person.id) == (
        "ship shop prod",
        "console",
        ANN.id,
    )


async def test_asking_by_fields_is_asking_in_words(console: Console) -> None:
    """One parser, one audit: the entry has the words."""
    body = {"command": "ship", "arguments": {"app": "shop", "environment": "prod", "ref": "v2"}}
    answer = await console.client.post("/api/v1/asks", json=body)
    assert answer.json()["kind"] == "started"
    (entry,) = await console.bot.store.audit.recent(1)
    assert entry.words == "ship shop prod --ref v2"


async def test_what_the_bot_answers_itself_is_a_table(console: Console) -> None:
    found = (await console.ask("servers prod")).json()
    assert found["kind"] == "done"
    assert [row[0] for row in found["answer"]["rows"]] == ["web-1", "web-2", "web-3"]


async def test_a_plan_says_what_it_would_reach(console: Console) -> None:
    """And what it equals; nothing is written."""
    answer = await console.client.post("/api/v1/plans", json={"text": "ship shop prod ref=v2"})
    found = answer.json()
    assert found["text"] == "/ship shop prod --ref v2"
    assert [server["host"] for server in found["servers"]] == ["web-1", "web-2", "web-3"]
    assert (found["allowed"], found["why"]) == (True, "")
    assert (found["times"], found["zone"]) == ([], "")
    later = {"text": "schedule ship shop prod on 2126-01-05 at 07:00 Europe/Kyiv"}
    found = (await console.client.post("/api/v1/plans", json=later)).json()
    assert (found["times"], found["zone"]) == (["2126-01-05T05:00:00Z"], "Europe/Kyiv")
    assert await console.bot.store.audit.recent(1) == []


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"text": "shp shop prod"}, "command", "Unknown command"),
        ({"text": "ship shop nowhere"}, "environment", "Unknown environment"),
        ({"command": "shp"}, "command", "Unknown command"),
        ({"command": "ship", "arguments": {"app": "shop"}}, "environment", "is missing"),
        (
            {"command": "ship", "arguments": {"app": "../etc", "environment": "prod"}},
            "app",
            "letters, digits",
        ),
        (
            {"command": "ship", "arguments": {"app": "shop", "environment": "prod", "x": 1}},
            "x",
            "",
        ),
        ({}, None, "Text or command is needed"),
        ({"text": "ship", "command": "ship"}, None, "not both"),
        ({"text": ""}, "text", "at least 1 character"),
        ({"text": "x" * 8001}, "text", "at most 8000 characters"),
        ({"text": 7}, "text", "string"),
        ({"text": "ping prod", "colour": "red"}, "colour", "not permitted"),
        ([], None, ""),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/asks", "/api/v1/plans"])
async def test_what_cannot_be_used_names_the_field(
    console: Console, path: str, body: object, field: str | None, words: str
) -> None:
    """422, as a problem; nothing is started."""
    answer = await console.client.post(path, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem.get("field") == field
    assert words in problem["detail"]
    assert await console.bot.store.ledger.recent() == []


async def test_what_is_refused_says_why(open_console: OpenConsole) -> None:
    """403, in the words of the policy. A plan says it too, and is no error."""
    console = await open_console(BEN, policy=ONLY_ANN)
    answer = await console.ask("ship shop prod")
    assert answer.status_code == 403
    assert "Required rule: [[allow]]" in answer.json()["detail"]
    plan = await console.client.post("/api/v1/plans", json={"text": "ship shop prod"})
    assert plan.status_code == 200
    assert plan.json()["allowed"] is False
    assert plan.json()["why"] == answer.json()["detail"]


async def test_who_asks_too_often_is_told_when_to_come_back(open_console: OpenConsole) -> None:
    """429, with Retry-After."""
    limits = LimitsTable(requests_per_minute=1, burst=1)
    console = await open_console(pace=PersonRateLimiter(limits))
    assert (await console.ask("servers")).status_code == 200
    answer = await console.ask("servers")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 61


async def test_without_the_database_nothing_is_done(console: Console) -> None:
    """503, and the words say so."""
    with away(console.bot.store):
        answer = await console.ask("ship shop prod")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("Nothing was done:")


async def test_a_double_click_is_one_job(console: Console) -> None:
    """A hundred requests with one key, at once and one after the other: one job, one reply."""

    async def submit() -> dict[str, object]:
        headers = {"Idempotency-Key": "click-1"}
        body = {"text": "ship shop prod"}
        answer = await console.client.post("/api/v1/asks", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    answers = await asyncio.gather(*(submit() for _ in range(60)))
    answers += [await submit() for _ in range(40)]
    assert {(str(one["job"]), one["kind"]) for one in answers} == {(answers[0]["job"], "started")}
    assert len(await console.bot.store.ledger.recent()) == 1


async def test_other_words_under_one_key_are_a_conflict(console: Console) -> None:
    """409, and nothing is started: neither by chance nor by a client that reuses its keys."""
    headers = {"Idempotency-Key": "k"}
    post = console.client.post
    first = await post("/api/v1/asks", json={"text": "ship shop prod"}, headers=headers)
    other = await post("/api/v1/asks", json={"text": "hail prod"}, headers=headers)
    assert (first.status_code, other.status_code) == (200, 409)
    assert "ship shop prod" in other.json()["detail"]
    assert len(await console.bot.store.ledger.recent()) == 1


async def test_what_the_bot_did_itself_is_not_done_twice(console: Console) -> None:
    """The key of a cancel, a silence or a schedule is known too."""
    headers = {"Idempotency-Key": "k"}
    body = {"text": "schedule ship shop prod every day at 9am"}
    for _ in range(3):
        answer = await console.client.post("/api/v1/asks", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
    entries = [one for one in await console.bot.store.audit.recent() if one.verdict == "allowed"]
    assert len(entries) == 1


@pytest.mark.parametrize("key", ["", "x" * 129, "two words", "ü"])
async def test_a_key_that_cannot_be_used(console: Console, key: str) -> None:
    """422, naming the header."""
    answer = await console.client.post(
        "/api/v1/asks",
        json={"text": "servers"},
        headers=[(b"Idempotency-Key", key.encode("latin-1"))],
    )
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


async def test_the_commands_and_their_fields(console: Console) -> None:
    """What a form needs to be drawn."""
    found = (await console.client.get("/api/v1/commands")).json()["commands"]
    (ship,) = [one for one in found if one["name"] == "ship"]
    assert ship["usage"] == "/ship APP ENVIRONMENT [--ref REF] [--host HOST]"
    assert [(one["name"], one["required"]) for one in ship["fields"]] == [
        ("app", True),
        ("environment", True),
        ("ref", False),
        ("host", False),
    ]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (ReplyKind.DONE, None),
        (ReplyKind.STARTED, None),
        (ReplyKind.REFUSED, 403),
        (ReplyKind.UNDECIDED, 503),
        (ReplyKind.UNUSABLE, 422),
        (ReplyKind.CONFLICT, 409),
        (ReplyKind.LIMITED, 429),
        (ReplyKind.UNAVAILABLE, 503),
        (ReplyKind.FAILED, 500),
    ],
)
def test_the_status_of_each_kind_of_reply(kind: ReplyKind, status: int | None) -> None:
    """Its words are the detail of the problem."""
    error = error_of(Reply("Why", kind=kind, seconds=2.0))
    assert (error and (error.status, str(error))) == (status and (status, "Why"))


def test_every_kind_of_reply_has_a_status() -> None:
    """A kind that is new must be decided about."""
    assert {kind for kind in ReplyKind if error_of(Reply(kind=kind)) is None} == {
        ReplyKind.DONE,
        ReplyKind.STARTED,
    }
