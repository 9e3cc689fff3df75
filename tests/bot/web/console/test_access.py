"""Who asks: without sign-in only somebody at this machine, and no page of somebody else's."""

from __future__ import annotations

import pytest

from tests.bot.build import ANN
from tests.bot.web.console.conftest import Console


async def test_the_person_at_this_machine(console: Console) -> None:
    """Is known without sign-in, by the name that the terminal gives."""
    answer = await console.client.get("/api/v1/me")
    assert answer.status_code == 200
    assert answer.json() == {
        "id": ANN.id,
        "name": ANN.name,
        "directory": "terminal",
        "scopes": ["ask", "read"],
    }


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Host": "evil.example"}, id="a name of its own for this machine"),
        pytest.param({"Origin": "http://evil.example"}, id="its own origin"),
        pytest.param({"Origin": "null"}, id="an origin that hides"),
    ],
)
async def test_a_page_of_somebody_else_is_not_the_person(
    console: Console, headers: dict[str, str]
) -> None:
    """Though the person has it open, and it reaches this machine."""
    answer = await console.client.get("/api/v1/me", headers=headers)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["title"] == "Not allowed"
    assert f"open only at {console.web.url}" in problem["detail"]
