"""Signatures of people travel with the request: from `baton approve --sign` to the servers."""

from __future__ import annotations

from datetime import datetime

import pytest

from baton.agent.journal import MemoryJournal
from baton.agent.trust.allow import AllowTable
from baton.agent.trust.allowance import Allowance
from baton.bus.messages import State, now
from baton.bus.plans import Plan, plan_digest
from baton.bus.signing.approval import approval, approved_text, write_token
from baton.bus.signing.private_key import PrivateKey
from bot.jobs import Job
from tests.bot.build import ANN, Ship
from tests.bot.outbox.test_holding import BEA, CEM, PROD, World
from tests.bot.world import Stage
from tests.support.wait import until

KEYS = {BEA.id: PrivateKey.new("bea"), CEM.id: PrivateKey.new("cem")}


@pytest.fixture
async def world(stage: Stage) -> World:
    made = World(stage, PROD)
    await made.begin()
    return made


def token(job: Job, who: str, when: datetime | None = None) -> str:
    """What `baton approve --sign` sends for `who`."""
    key, at = KEYS[who], (when or now()).replace(microsecond=0)
    digest = plan_digest(Plan.model_validate(job.plan))
    given = approval(digest, at, key.public, key.sign(approved_text(digest, at)))
    return write_token(given, key.public)


async def test_what_people_signed_is_in_each_request(world: World) -> None:
    """The servers count it themselves; who asked anew for the same plan gets none of it."""
    asked = await world.says(ANN, "ship shop prod")
    job = await world.job(asked.job)
    for person in (BEA, CEM):
        said = await world.says(person, f"approve {job.id} --signature {token(job, person.id)}")
        assert said.text.startswith("Approved")
    await until(lambda: all(agent.requests for agent in world.agents))
    rules = Allowance(
        AllowTable.model_validate(
            {"approve": {"of": [key.public.line for key in KEYS.values()], "need": 2}}
        )
    )
    command = Ship(app="shop", environment="prod")
    for agent in world.agents:
        (request,) = agent.requests
        short = await rules.unapproved(request, command, agent.host, MemoryJournal(), now())
        assert short == ""
        without = request.model_copy(update={"approvals": request.approvals[:1]})
        assert "has those of bea" in await rules.unapproved(
            without, command, agent.host, MemoryJournal(), now()
        )


async def test_a_signature_of_something_else_is_refused(world: World) -> None:
    """It would count at no server, and whoever approves must hear of it now."""
    asked = await world.says(ANN, "ship shop prod")
    job = await world.job(asked.job)
    other = await world.says(ANN, "ship shop prod")
    for word in (token(await world.job(other.job), BEA.id), "nonsense"):
        said = await world.says(BEA, f"approve {job.id} --signature {word}")
        assert not said.ok
        assert said.text.startswith("The signature cannot be used: ")
    assert set((await world.stage.states(job.id)).values()) == {State.HELD}
    assert (await world.job(job.id)).votes == ()


async def test_who_may_not_approve_signs_nothing(world: World) -> None:
    """The asker, who approves nothing of their own."""
    asked = await world.says(ANN, "ship shop prod")
    job = await world.job(asked.job)
    refused = await world.says(ANN, f"approve {job.id} --signature {token(job, BEA.id)}")
    assert not refused.ok
    hold = (await world.job(job.id)).hold
    assert hold is not None
    assert hold.signatures == ()
