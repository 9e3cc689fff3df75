"""What servers report whose keys the bot knows: signed by them, or not believed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from baton.agent.output import key_of
from baton.bus.api import API, to_envelope
from baton.bus.exchanges import OUTPUT
from baton.bus.messages import Message, State, Update
from baton.bus.signing.private_key import PrivateKey
from baton.bus.signing.signer import KeySigner
from bot.ingest.sender_verification import SenderVerifier
from tests.bot.build import Ship
from tests.bot.ingest.test_updates import Ear
from tests.bot.world import Stage, beat
from tests.support.servers import RecordedFindings
from tests.support.wait import until

WEB, OTHER = PrivateKey.new("web-1"), PrivateKey.new("web-2")
SHIP = Ship(app="shop", environment="prod")


class Court(Ear):
    def __init__(self, stage: Stage) -> None:
        self.told = RecordedFindings()
        super().__init__(stage, self.told, SenderVerifier(keys={"web-1": WEB.public}))

    async def sign(self, key: PrivateKey, message: Message) -> None:
        await API(self.mouth, KeySigner([key])).publish(OUTPUT, key_of(message), message)


@pytest.fixture
async def court(stage: Stage) -> AsyncIterator[Court]:
    made = Court(stage)
    await made.hearing.start()
    yield made
    await made.hearing.stop()


async def test_a_report_of_a_server_whose_key_is_known_must_be_signed(court: Court) -> None:
    """Unsigned, or signed by another server, it is not applied: people are told, it is counted."""
    job = await court.asked(SHIP, "web-1")
    found = await court.store.ledger.job(job)
    assert found is not None
    values: dict[str, Any] = {"request": found[1][0].request, "command": found[0].command}
    done = Update(
        job=job, host="web-1", environment="prod", sequence=1, state=State.SUCCEEDED, **values
    )
    must = "a message of web-1 must be signed with the key of web-1 ([signing.agents]): it"
    await court.say(done)
    assert (await court.buried())[0] == f"{must} is not signed"
    await court.sign(OTHER, done)
    assert OTHER.public.fingerprint in (await court.buried())[0]
    assert (await court.stage.states(job))["web-1"] is State.SENT
    assert court.hearing.rejected == {"signature": 2}
    assert [finding.name for finding in court.told.all] == ["identity", "identity"]
    await court.sign(WEB, done)
    await until(lambda: court.touched)
    assert (await court.stage.states(job))["web-1"] is State.SUCCEEDED


async def test_a_heartbeat_too_and_others_are_believed_as_before(court: Court) -> None:
    """A server whose key is not known needs none."""
    await court.say(beat("web-1"))
    assert "is not signed" in (await court.buried())[0]
    await court.say(beat("web-3"))
    await court.sign(WEB, beat("web-1"))
    await until(lambda: len(court.registry.servers()) == 2)


def test_reports_of_a_queue_are_signed_by_a_worker_that_serves_it() -> None:
    """They name the queue, and any worker of it may have had the job."""
    verifier = SenderVerifier(
        keys={"worker.a": WEB.public}, serves=lambda worker, queue: queue == "reports"
    )
    update = Update(
        job="j",
        request="r",
        host="work.reports",
        environment="prod",
        command="report",
        sequence=1,
        state=State.RUNNING,
    )
    assert verifier.unsigned(update, to_envelope(update, KeySigner([WEB]))) == ""
    assert "the key of worker.a" in verifier.unsigned(update, to_envelope(update))
    other = update.model_copy(update={"host": "work.other"})
    assert verifier.unsigned(other, to_envelope(other)) == ""
