"""The OpenAPI document says what the API does: a machine that believes it finds no fault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi import checks

from tests.bot.web.console.conftest import Console
from tests.support.wait import until

EXAMPLES = 12
"""Requests of a kind to each route: enough to find a careless one, few enough for every run."""


async def document(console: Console) -> dict[str, Any]:
    answer = await console.client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_every_route_says_how_one_signs_in_and_what_goes_wrong(console: Console) -> None:
    """By a token or by a session, either of them; errors are problems; everything is described."""
    found = await document(console)
    schemes = found["components"]["securitySchemes"]
    assert {name: one["type"] for name, one in schemes.items()} == {
        "token": "http",
        "session": "apiKey",
    }
    assert found["servers"] == [{"url": "/api/v1"}]
    for path, methods in found["paths"].items():
        for method, route in methods.items():
            where = f"{method} {path}"
            assert route["security"] == [{"token": []}, {"session": []}], where
            assert route["description"], where
            assert route["tags"], where
            assert {"401", "403", "422", "503"} <= set(route["responses"]), where
            for status, response in route["responses"].items():
                if status >= "400":
                    assert list(response["content"]) == ["application/problem+json"], where


async def test_what_the_pages_show_is_there(console: Console) -> None:
    """A path that goes away breaks the programs of others."""
    paths = set((await document(console))["paths"])
    assert {
        *("/asks", "/plans", "/commands", "/me", "/servers", "/alerts", "/alerts/history"),
        *(
            "/schedules",
            "/locks",
            "/freezes",
            "/audit",
            "/jobs/{id}/cancel",
            "/jobs/{id}/retry",
            "/jobs/{id}/repeat",
        ),
    } <= paths


async def test_events_are_described_as_they_are_sent(console: Console) -> None:
    """The data of each event has the fields that the document gives it, and no others, down to the
    lines; whoever makes a client of the document needs no example."""
    found = await document(console)
    schemas = found["components"]["schemas"]
    content = found["paths"]["/jobs/{job}/events"]["get"]["responses"]["200"]["content"]
    described = {
        kind: schemas[_named(one["properties"]["data"]["contentSchema"])]
        for one in content["text/event-stream"]["itemSchema"]["oneOf"]
        for kind in one["properties"]["event"]["enum"]
    }
    assert described.keys() == {"news", "resync", "end"}
    job = (await console.ask("ship shop prod")).json()["job"]
    kinds: set[str] = set()
    async with (
        asyncio.timeout(60),
        console.client.stream("GET", f"/api/v1/jobs/{job}/events") as answer,
    ):
        kind, lines = "", 0
        async for row in answer.aiter_lines():
            name, _, value = row.partition(": ")
            kind = value if name == "event" else kind
            if name == "data":
                kinds.add(kind)
                data = json.loads(value)
                lines += len(data.get("lines", ()))
                _holds(data, described[kind], schemas)
            if kind == "end" and not row:
                break
    assert kinds == {"news", "end"}
    assert lines


def _named(reference: dict[str, Any]) -> str:
    return str(reference["$ref"].rpartition("/")[2])


def _holds(data: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Raise AssertionError if `data` has other fields than `schema` says, at any depth."""
    if "$ref" in schema:
        schema = schemas[_named(schema)]
    if isinstance(data, list):
        for each in data:
            _holds(each, schema["items"], schemas)
    elif isinstance(data, dict) and "properties" in schema:
        assert data.keys() == schema["properties"].keys(), schema["title"]
        for name, value in data.items():
            _holds(value, schema["properties"][name], schemas)


async def test_what_takes_a_body_says_how_it_may_be_refused(console: Console) -> None:
    """Too large and too slow are answers of every such route."""
    for path, routes in (await document(console))["paths"].items():
        if "post" in routes:
            assert {"408", "413"} <= routes["post"]["responses"].keys(), path


@pytest.mark.slow
# the bot, in the other thread, uses `random` meanwhile: hypothesis takes it for that of a strategy
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_the_app_does_what_the_document_says(console: Console, mode: GenerationMode) -> None:
    """Made-up requests to each route, valid and invalid: the status, the type and the form of each
    answer are declared, and none is a fault of the bot."""
    found = await document(console)
    job = (await console.ask("ship shop prod")).json()["job"]
    await until(lambda: all(agent.requests for agent in console.agents))
    assert job
    load_all_checks()
    schema = schemathesis.openapi.from_dict(found)
    for each in schema.get_all_operations():
        route: Any = each
        await asyncio.to_thread(tried(route.ok(), console.web.url, mode))


def tried(operation: Any, url: str, mode: GenerationMode) -> Callable[[], None]:
    """What sends EXAMPLES requests to `operation`, and checks the answers."""
    # words have a grammar that no schema says; the person at this machine needs no sign-in
    left_out = [checks.positive_data_acceptance, checks.ignored_auth]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def test(case: Any) -> None:
        answer = case.call(base_url=f"{url}/api/v1", timeout=20)
        # what is too large is refused before anybody looks whether it is valid
        too_large = [checks.negative_data_rejection] if answer.status_code == 413 else []
        case.validate_response(answer, excluded_checks=[*left_out, *too_large])

    return test
