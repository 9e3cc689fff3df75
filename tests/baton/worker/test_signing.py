"""A worker and what nobody has signed: jobs, orders to cancel, build requests of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from baton.bus.api import API, to_envelope
from baton.bus.channel import Channel, Envelope
from baton.bus.exchanges import DEAD_QUEUE, INPUT, cancel_work_key, foreign_queue, work_key
from baton.bus.messages import Cancel, Message, State, now
from baton.bus.signing.private_key import PrivateKey
from baton.bus.signing.signer import KeySigner, Signer
from baton.worker.push import push
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
    """PyBit signs nothing: whoever made the queue foreign trusts who fills it."""
    async with stage.working(**REQUIRE) as life:
        ours = Envelope(build_request("print"), content_type="application/json")
        await stage.channel.publish(INPUT, work_key("reports"), ours)
        assert await buried(stage) == "This build request is not believed: it is not signed."
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


CI = PrivateKey.new("ci")
PUSH: Mapping[str, Any] = {"signing": {**REQUIRE["signing"], "push": [CI.public.line]}}
FIELDS = {"package": "print", "version": "1", "uri": "http://x"}


async def pushed(signer: Signer, queue: str = "reports", package: str = "print") -> Envelope:
    """What `baton push` puts on the bus."""
    sent: list[Envelope] = []

    class Kept:
        async def publish(self, exchange: str, key: str, envelope: Envelope, **more: Any) -> None:
            sent.append(envelope)

    await push(cast(Channel, Kept()), queue, {**FIELDS, "package": package}, signer)
    return sent[0]


async def put(stage: Stage, envelope: Envelope, queue: str = "reports") -> None:
    await stage.channel.publish(INPUT, work_key(queue), envelope, mandatory=True)


@pytest.mark.parametrize("signer", [SIGNER, KeySigner([CI])])
async def test_a_build_request_that_is_signed_is_done_once(stage: Stage, signer: Signer) -> None:
    """With the key of the bot, or of who may push. A copy is known, whatever headers it has."""
    async with stage.working(**PUSH) as life:
        sent = await pushed(signer)
        await put(stage, sent)
        await until(lambda: life.runner.ended)
        copies = [replace(sent, id="other", timestamp=1.0), replace(sent, correlation="x")]
        for copy in copies:
            await put(stage, copy)
        await publish(stage, work_key("reports"), last := request())
        await until(lambda: stage.end(last))
        assert len(life.runner.started) == 2


async def test_who_may_push_asks_for_nothing_else(stage: Stage) -> None:
    """Their key is not that of a bot."""
    async with stage.working(**PUSH) as life:
        asked = request()
        await API(stage.channel, KeySigner([CI])).publish(INPUT, work_key("reports"), asked)
        await until(lambda: stage.end(asked))
        assert "which is not trusted here" in stage.ends(asked)[0].text
        assert life.runner.started == []


async def test_a_build_request_of_another_queue_or_time_is_no_job(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever recorded it has the password of RabbitMQ: each is a dead letter with its reason."""
    async with stage.working(**PUSH, runner={"accept_within": "1h"}) as life:
        other = await pushed(SIGNER, queue="other")
        await put(stage, other)
        assert "was pushed on another queue than reports" in await buried(stage)
        stranger = await pushed(KeySigner([PrivateKey.new()]))
        await put(stage, stranger)
        assert "which is not trusted here" in await buried(stage)
        changed = replace(sent := await pushed(SIGNER), body=sent.body.replace(b"print", b"p"))
        await put(stage, changed)
        assert "was changed after the key" in await buried(stage)
        for hours, reason in ((2, "ago, and counts for 1 h"), (-2, "in the future: clock skew")):
            then = now() + timedelta(hours=hours)
            monkeypatch.setattr(life.service.taking, "_clock", lambda then=then: then)
            await put(stage, await pushed(SIGNER))
            assert reason in await buried(stage)
        assert life.runner.started == []


async def test_a_build_request_that_is_parked_is_verified_again(stage: Stage) -> None:
    """Whichever worker looks at it next. A copy that claims to be parked is no other job."""
    async with stage.working(**PUSH) as life:
        life.runner.blocked = {"block": 1}
        sent = await pushed(SIGNER, package="block")
        await put(stage, sent)
        await until(lambda: life.runner.ended)
        await until(lambda: not life.service.taking.active)
        stage.time.advance(5.1)
        await until(lambda: len(life.runner.ended) == 2)
        headers = {**sent.headers, "baton-look": "1", "baton-job": "another"}
        await put(stage, replace(sent, headers=headers))
        await publish(stage, work_key("reports"), last := request())
        await until(lambda: stage.end(last))
        assert len(life.runner.started) == 3
