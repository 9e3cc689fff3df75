"""What an agent does about orders that no trusted key has signed, in each mode."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import ValidationError

from baton.agent.journal import SqliteJournal
from baton.agent.journal_writer import RETENTION
from baton.agent.trust.settings import SigningTable
from baton.agent.trust.trust import Trust
from baton.bus.dead_letters import resend as resend_letters
from baton.bus.exchanges import DEAD_BINDINGS, DEAD_QUEUE, DISCOVER
from baton.bus.memory.channel import MemoryChannel
from baton.bus.messages import Discover, Look, Probe, State, Survey, now
from baton.bus.signing.header import SIGNATURE
from baton.bus.signing.private_key import PrivateKey
from tests.baton.agent.trust.orders import BOT, STRANGER, envelope, resend, send, trust
from tests.baton.stage import HOST, Clock, Stage, Worker, agent, cancel, in_memory, request
from tests.support.wait import until

Scene = tuple[MemoryChannel, Stage]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    _, channel, stage = in_memory()
    await stage.listen()
    yield channel, stage
    await stage.channel.close()


def probe() -> Probe:
    look = Look(tcp="localhost:22")
    return Probe(host=HOST, look=look, deadline=now() + timedelta(minutes=1))


def survey() -> Survey:
    return Survey(
        job="7k2m9x",
        host=HOST,
        environment="prod",
        command="deploy",
        deadline=now() + timedelta(minutes=1),
    )


async def test_what_the_bot_signed_is_done(scene: Scene) -> None:
    """A request, its cancel, a probe and a question, where all must be signed."""
    channel, stage = scene
    worker, probes, asked = Worker(), list[Probe](), list[bool]()
    how: dict[str, Any] = {"probe": probes.append, "discover": lambda: asked.append(True)}
    async with agent(channel, [worker], trust=trust(), **how):
        await send(stage, order := request("wait"))
        await until(lambda: worker.started)
        await send(stage, probe())
        await send(stage, Discover())
        await send(stage, cancel(order))
        assert await stage.ends(order) == (State.CANCELLED, "cancelled by ann")
        await until(lambda: probes and asked)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ((), "it is not signed"),
        ((STRANGER,), f"it is signed with the key {STRANGER.public.fingerprint}, which is not"),
    ],
    ids=["unsigned", "stranger"],  # each process has another key, and must name the tests alike
)
async def test_a_request_that_is_not_believed_is_refused_and_told(
    scene: Scene, keys: Any, reason: str
) -> None:
    """Whoever asked reads the key and the server; nothing has run."""
    channel, stage = scene
    worker = Worker()
    async with agent(channel, [worker], trust=trust()):
        order = request()
        await (send(stage, order, *keys) if keys else stage.send(order))
        state, text = await stage.ends(order)
    assert (state, worker.started) == (State.REFUSED, [])
    assert text.startswith(f"{HOST} does not take this request: {reason}")


async def test_an_order_that_is_not_believed_stops_and_probes_nothing(scene: Scene) -> None:
    """A cancel, a probe and a survey become dead letters with the reason; a question is not
    answered."""
    channel, stage = scene
    worker, probes, asked = Worker(), list[Probe | Survey](), list[bool]()
    how: dict[str, Any] = {
        "probe": probes.append,
        "survey": probes.append,
        "discover": lambda: asked.append(True),
    }
    async with agent(channel, [worker], trust=trust(), **how):
        await send(stage, order := request("wait"))
        await until(lambda: worker.started)
        for message in (cancel(order), probe(), survey()):
            await stage.send(message)
            letter = await stage.dead()
            reason = f"This {message.type} is not believed: it is not signed."
            assert letter.headers["baton-reason"] == reason
        await stage.send(Discover(), DISCOVER)
        await send(stage, last := request())
        await stage.ended(last)
        assert (probes, asked, worker.stopped) == ([], [], [])
        worker.release.set()
        assert (await stage.ends(order))[0] is State.SUCCEEDED


async def test_a_warning_is_given_once_for_each_key(scene: Scene) -> None:
    """In `warn` everything is done; the log names each key once, the heartbeat counts all."""
    channel, stage = scene
    worker, looks = Worker(), trust("warn")
    with structlog.testing.capture_logs() as logs:
        async with agent(channel, [worker], trust=looks):
            for keys in ((), (), (STRANGER,), (STRANGER,), (BOT,)):
                order = request()
                await (send(stage, order, *keys) if keys else stage.send(order))
                assert (await stage.ends(order))[0] is State.SUCCEEDED
    said = [line["reason"] for line in logs if "would be refused" in line["event"]]
    assert len(said) == 2
    assert said[0] == "it is not signed"
    assert STRANGER.public.fingerprint in said[1]
    facts = looks.facts
    assert (facts.mode, facts.doubted, facts.keys) == ("warn", 4, (BOT.public.fingerprint,))
    assert facts.last.startswith("baton.request: it is signed with the key SHA256:")


async def test_what_names_no_server_may_change_nothing(scene: Scene) -> None:
    """The routing key is not signed: who can publish could send a broadcast anywhere."""
    channel, stage = scene
    worker = Worker()
    async with agent(channel, [worker], trust=trust()):
        await send(stage, order := request(host=None))
        state, text = await stage.ends(order)
    assert (state, worker.started) == (State.REFUSED, [])
    assert "it names no server" in text


async def test_sent_again_to_another_server_it_is_refused(scene: Scene) -> None:
    """The host is in what is signed."""
    channel, stage = scene
    worker = Worker()
    async with agent(channel, [worker], trust=trust()):
        await send(stage, order := request(host="web-2"))
        assert await stage.ends(order) == (
            State.REFUSED,
            "it is meant for web-2, but this server is web-1",
        )
    assert worker.started == []


async def test_sent_again_within_its_time_it_starts_once(scene: Scene, tmp_path: Path) -> None:
    """Also after a restart: the journal knows it."""
    channel, stage = scene
    worker, order = Worker(), request()
    recorded = envelope(order)
    for _ in range(2):
        journal = await SqliteJournal.open(tmp_path / "journal")
        async with agent(channel, [worker], journal, trust=trust()):
            await resend(stage, recorded)
            await stage.ended(order)
            await resend(stage, recorded)
            await send(stage, last := request())
            await stage.ended(last)
        await journal.close()
    assert worker.started.count(order.id) == 1


async def test_sent_again_after_its_time_it_is_called_clock_skew_or_a_copy(scene: Scene) -> None:
    """RabbitMQ counts from the sending, so for a copy it begins to count anew."""
    channel, stage = scene
    worker, clock = Worker(), Clock()
    recorded = envelope(order := request())
    clock.pass_by(minutes=3)
    async with agent(channel, [worker], trust=trust(clock=clock)):
        await resend(stage, recorded)
        state, text = await stage.ends(order)
        assert (state, worker.started) == (State.REFUSED, [])
        assert "2 min after its deadline, by the clock of this machine" in text
        assert "clock skew, or somebody sent an old one again" in text
        clock.at = order.time - timedelta(minutes=10)
        await send(stage, ahead := request())
        assert "10 min in the future, by the clock" in (await stage.ends(ahead))[1]


async def test_sent_again_when_the_journal_has_forgotten_it(scene: Scene, tmp_path: Path) -> None:
    """Also if somebody sets the clock of the server back to the day when it was new."""
    channel, stage = scene
    worker, clock = Worker(), Clock()
    recorded = envelope(order := request())
    journal = await SqliteJournal.open(tmp_path / "journal", clock)
    looks: dict[str, Any] = {"trust": trust(clock=clock), "clock": clock}
    async with agent(channel, [worker], journal, **looks):
        await resend(stage, recorded)
        await stage.ended(order)
    await journal.close()
    clock.pass_by(seconds=RETENTION.total_seconds() + 3_700)
    journal = await SqliteJournal.open(tmp_path / "journal", clock)
    await journal.close()
    assert journal.forgotten > 0
    clock.at = order.time
    journal = await SqliteJournal.open(tmp_path / "journal", clock)
    async with agent(channel, [worker], journal, **looks):
        stage.heard.clear()
        await resend(stage, recorded)
        state, text = await stage.ends(order)
    await journal.close()
    assert (state, worker.started) == (State.REFUSED, [order.id])
    assert "the journal here has forgotten what came until" in text


async def test_an_old_question_is_not_answered(scene: Scene) -> None:
    """One that was recorded would have the whole fleet answer as often as somebody likes."""
    channel, stage = scene
    clock, asked = Clock(), list[bool]()
    recorded = envelope(Discover())
    clock.pass_by(minutes=6)
    looks = trust(clock=clock)
    async with agent(channel, [Worker()], trust=looks, discover=lambda: asked.append(True)):
        await resend(stage, recorded)
        await until(lambda: looks.facts.doubted)
    assert asked == []
    assert "was sent 6 min ago: clock skew, or a copy" in looks.facts.last


async def test_a_dead_letter_keeps_its_signature(scene: Scene) -> None:
    """Or nothing that was once buried could be sent again."""
    channel, stage = scene
    async with agent(channel, [Worker()], trust=trust()):
        await resend(stage, recorded := envelope(probe()))
        letter = await stage.dead()
    assert letter.headers[SIGNATURE] == recorded.headers[SIGNATURE]


async def test_a_dead_letter_that_is_sent_again_is_believed(scene: Scene) -> None:
    """By whoever resends it: the signature is that of the bot still."""
    channel, stage = scene
    probes = list[Probe]()
    await stage.channel.declare(DEAD_QUEUE, DEAD_BINDINGS)
    async with agent(channel, [Worker()], trust=trust()):
        await send(stage, order := probe())
        await until(lambda: stage.channel.depth(DEAD_QUEUE))
    async with agent(channel, [Worker()], trust=trust(), probe=probes.append):
        done = await resend_letters(stage.channel, [order.id], 10)
        assert [letter.id for letter in done.done] == [order.id]
        await until(lambda: probes)
    assert probes == [order]


async def test_two_keys_sign_while_one_replaces_the_other(scene: Scene) -> None:
    """An agent with the old key alone, and one with the new one alone, do what both have signed;
    whoever still has the old one alone says which key it misses afterwards."""
    channel, stage = scene
    old, new = BOT, PrivateKey.new("new")
    for trusted in (trust("require", old), trust("require", new), trust("require", old, new)):
        async with agent(channel, [Worker()], trust=trusted):
            await send(stage, order := request(), old, new)
            assert (await stage.ends(order))[0] is State.SUCCEEDED
    async with agent(channel, [Worker()], trust=trust("require", old)):
        await send(stage, order := request(), new)
        assert new.public.fingerprint in (await stage.ends(order))[1]


async def test_a_signature_of_one_order_fits_no_other(scene: Scene) -> None:
    """Not another body, not another kind with the same body."""
    channel, stage = scene
    worker = Worker()
    async with agent(channel, [worker], trust=trust()):
        stolen = envelope(request()).headers
        forged = replace(envelope(order := request()), headers=stolen)
        await resend(stage, forged)
        assert "was changed after the key" in (await stage.ends(order))[1]
    assert worker.started == []


@pytest.mark.parametrize("mode", ["warn", "require"])
def test_somebody_must_be_trusted(mode: str) -> None:
    """A server that trusts nobody would refuse everything."""
    with pytest.raises(ValidationError, match="the public keys of the bots"):
        SigningTable.model_validate({"mode": mode})


@pytest.mark.slow
def test_off_loads_and_says_nothing() -> None:
    """An agent with signatures off has nothing of cryptography in its memory."""
    program = (
        "import sys\n"
        "import baton.agent.service, baton.worker.service, bot.cli\n"
        "from baton.agent.trust.trust import Trust\n"
        "from baton.bus.signing.signer import signer_of\n"
        "Trust(); signer_of([None])\n"
        "print([name for name in sys.modules if name.startswith('cryptography')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
    assert Trust().facts.model_dump() == {"mode": "off", "keys": (), "doubted": 0, "last": ""}
