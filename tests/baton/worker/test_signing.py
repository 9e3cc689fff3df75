"""A worker and what nobody has signed: jobs, orders to cancel, build requests of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from baton.bus.api import API, to_envelope
from baton.bus.channel import Envelope
from baton.bus.exchanges import DEAD_QUEUE, INPUT, cancel_work_key, foreign_queue, work_key
from baton.bus.messages import Cancel, Message, State, now
from tests.baton.agent.trust.orders import BOT, SIGNER
from tests.baton.worker.world import ANN, Stage, build_request, request
from tests.support.wait import until

REQUIRE: Mapping[str, Any] = {"signing": {"mode": "require", "keys": [BOT.public.line]}}


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    await made.listen()
    return made


async def publish(stage: Stage, key: str, message: Message) -> None:
    await API(stage.channel, SIGNER).publish(INPUT, key, message, mandatory=True)


async def buried(stage: Stage) -> str:
    """The reason of the next dead letter."""
    channel = stage.channel
    (delivery,) = await until(lambda: channel.get(DEAD_QUEUE, 1))
    await delivery.ack()
    reason: str = delivery.envelope.headers["baton-reason"]
    return reason


async def test_a_job_that_nobody_signed_is_refused_and_told(stage: Stage) -> None:
    """Without a start; what the bot signed is done, and what it signed for another queue is not."""
    async with stage.working(**REQUIRE) as life:
        asked = await stage.ask()
        await until(lambda: stage.end(asked))
        assert stage.end(asked) == (
            State.REFUSED,
            "this worker does not take this request: it is not signed",
        )
        forged = request(host="work.other")
        await publish(stage, work_key("reports"), forged)
        await until(lambda: stage.end(forged))
        assert stage.ends(forged)[0].state is State.REFUSED
        assert life.runner.started == []
        await publish(stage, work_key("reports"), good := request())
        await until(lambda: stage.end(good))
        assert stage.end(good) == (State.SUCCEEDED, "print done")


async def test_an_order_to_cancel_that_nobody_signed_ends_nothing(stage: Stage) -> None:
    """It is a dead letter with the reason; the signed one ends the job."""
    async with stage.working(**REQUIRE) as life:
        await publish(stage, work_key("reports"), asked := request("wait"))
        await until(lambda: life.runner.started)
        await stage.cancel(asked)
        assert await buried(stage) == "This baton.cancel is not believed: it is not signed."
        order = Cancel(job=asked.job, request=asked.id, host=work_key("reports"), requester=ANN)
        await publish(stage, cancel_work_key("reports"), order)
        await until(lambda: stage.end(asked))
        assert stage.end(asked) == (State.CANCELLED, "cancelled by ann")


async def test_a_build_request_is_taken_from_a_queue_of_others_alone(stage: Stage) -> None:
    """Nobody can sign one: whoever made the queue foreign trusts who fills it."""
    async with stage.working(**REQUIRE) as life:
        ours = Envelope(build_request("print"), content_type="application/json")
        await stage.channel.publish(INPUT, work_key("reports"), ours)
        assert "only requests of the bot are taken" in await buried(stage)
        await stage.channel.declare(foreign_queue("theirs"), [(INPUT, "to.theirs")])
        await stage.push("theirs", build_request("print"))
        await until(lambda: life.runner.ended)
        assert len(life.runner.started) == 1


async def test_a_parked_job_keeps_its_signature(stage: Stage) -> None:
    """Any worker may look at it next, after its deadline too, and each verifies it again."""
    async with stage.working(**REQUIRE) as life:
        life.runner.blocked = {"block": 1}
        await publish(stage, work_key("reports"), asked := request("block"))
        await until(lambda: len(stage.updates[asked.id]) == 2)
        await until(lambda: not life.service.taking.active)
        stage.time.advance(5.1)
        await until(lambda: stage.end(asked))
        assert stage.end(asked) == (State.SUCCEEDED, "block done")


async def test_headers_that_nobody_signed_start_no_other_attempt(stage: Stage) -> None:
    """A recorded request that claims to be parked, in a later attempt, is the one that ended."""
    recorded = to_envelope(asked := request(), SIGNER)
    async with stage.working(**REQUIRE) as life:
        await stage.channel.publish(INPUT, work_key("reports"), recorded)
        await until(lambda: stage.end(asked))
        headers = {**recorded.headers, "baton-look": "1", "baton-attempt": "2"}
        await stage.channel.publish(INPUT, work_key("reports"), replace(recorded, headers=headers))
        await publish(stage, work_key("reports"), last := request())
        await until(lambda: stage.end(last))
        assert [work.id for work in life.runner.started] == [asked.job, last.job]


async def test_a_recorded_job_does_not_pass_for_a_parked_one_for_ever(stage: Stage) -> None:
    """Headers are not signed: the signed deadline, and how long all looks may take, end it."""
    old = now() - timedelta(days=30)
    asked = request().model_copy(update={"time": old, "deadline": old + timedelta(hours=1)})
    recorded = to_envelope(asked, SIGNER)
    headers = {**recorded.headers, "baton-look": "1"}
    parked = replace(recorded, headers=headers, expires=None)
    async with stage.working(**REQUIRE, runner={"looks": 50, "timeout": "1h"}) as life:
        await stage.channel.publish(INPUT, work_key("reports"), parked)
        await until(lambda: stage.end(asked))
        assert stage.ends(asked)[0].state is State.REFUSED
        assert "somebody sent an old one again" in stage.ends(asked)[0].text
        assert life.runner.started == []


async def test_a_job_that_was_taken_is_verified_when_the_worker_starts_again(stage: Stage) -> None:
    """The journal keeps the signature: a worker that insists since then does what was signed."""
    life = await stage.worker(runner={"concurrency": 1})
    await publish(stage, work_key("reports"), request("wait"))
    await until(lambda: life.runner.started)
    unsigned = await stage.ask()
    await life.kill()
    async with stage.working(**REQUIRE) as again:
        await until(lambda: stage.end(unsigned))
        assert stage.ends(unsigned)[0].state is State.REFUSED
        assert again.runner.started == []
