"""What is said of RabbitMQ, and of who is on it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import aiormq
import pytest

from baton.bus.api import API
from baton.bus.connect import connect
from baton.bus.exchanges import DEAD, OUTPUT
from baton.bus.messages import Discover, Heartbeat, now
from baton.server import Server
from bot.doctor.bot_checks import needs
from bot.doctor.bus_checks import agents, bus, leftovers, rights
from bot.doctor.check_result import Mark
from tests.support.broker import Broker
from tests.support.wait import until


async def test_clock_of_an_agent() -> None:
    """A heartbeat that was sent an hour ago by its own clock is an agent with a wrong clock."""
    channel = await connect("memory://doctor-clock")
    await channel.wait_up()

    async def beats() -> None:
        server = Server(environment="prod", fqdn="web-9")
        while True:
            late = now() - timedelta(hours=1)
            beat = Heartbeat(time=late, facts=server.facts(), interval=15)
            await API(channel).publish(OUTPUT, "heartbeat.prod.web-9", beat)
            await asyncio.sleep(0.1)

    beating = asyncio.create_task(beats())
    found = await agents(channel)
    beating.cancel()
    await channel.close()
    assert [finding.mark for finding in found] == [Mark.OK, Mark.FAIL]
    assert "web-9 is 3600 s behind" in found[1].text


async def test_silence(amqp_url: str) -> None:
    """If no heartbeat comes that is a warning, for perhaps none was started yet; agents are asked,
    so nobody waits a whole interval."""
    channel = await connect(amqp_url)
    await channel.wait_up()
    (found,) = await agents(channel, heard_within=0.5)
    await channel.close()
    assert found.mark is Mark.WARN
    assert "baton agent --config" in found.fix


async def test_dead_letters_are_noted(amqp_url: str) -> None:
    """Dead letters are worth a note that says how to look at them."""
    channel = await connect(amqp_url, owner=True)
    await channel.wait_up()
    assert await leftovers(channel) == []
    await API(channel).publish(DEAD, "x", Discover())
    (found,) = await until(lambda: leftovers(channel))
    await channel.close()
    assert found.mark is Mark.NOTE
    assert "dead: 1 message could not be processed" in found.text
    assert found.fix == "see baton dead list."


async def test_a_missing_right_is_told_apart_from_a_missing_queue(
    broker: Broker, amqp_url: str
) -> None:
    """403 is a FAIL that names the queue and the account; 404 is a note that says who makes it.
    Nothing is made by asking."""
    url = broker.user(amqp_url, "nearly")
    pattern = r"^(baton\.(in|out|dead)|bot|bot\.heartbeats|bot\.probed|dead)$"
    broker.grant(url, pattern, pattern, pattern)
    channel = await connect(url)
    await channel.wait_up()
    found = await rights(channel, needs(alerts=True))
    again = await rights(channel, needs(alerts=True))
    await channel.close()
    assert found == again
    failed = [finding for finding in found if finding.mark is Mark.FAIL]
    assert [finding.what for finding in failed] == ["rights"]
    assert "refuses user nearly to declare queue bot.monitor: ACCESS_REFUSED" in failed[0].text
    assert {finding.mark for finding in found if finding not in failed} == {Mark.NOTE}
    assert "bot does not exist yet" in str(found[0])


async def test_a_right_to_publish_that_is_missing(broker: Broker, amqp_url: str) -> None:
    """An account that may not ask is a FAIL, though all its queues are well."""
    url = broker.user(amqp_url, "mute")
    every = r"^(baton\..+|bot.*|dead)$"
    channel = await connect(amqp_url, owner=True)
    await channel.wait_up()
    broker.grant(url, every, r"^(baton\.dead|bot.*|dead)$", every)
    mute = await connect(url)
    await mute.wait_up()
    found = await rights(mute, needs(alerts=False))
    await mute.close()
    await channel.close()
    failed = [str(finding) for finding in found if finding.mark is Mark.FAIL]
    assert len(failed) == 2
    assert all("to publish" in line and "on baton.in" in line for line in failed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("baton:baton", "baton:wrong"), "Correct user and password"),
        (("/t", "/no-t"), "rabbitmqctl add_vhost no-t"),
        (("127.0.0.1", "no-such-host.invalid"), "Fix: correct the host name"),
    ],
)
@pytest.mark.usefixtures("impatient")
async def test_the_fix_fits_the_failure(amqp_url: str, change: tuple[str, str], said: str) -> None:
    """A password, a virtual host and a name are mended in different ways."""
    async with bus([amqp_url.replace(*change)]) as (channel, found):
        assert channel is None
    assert said in str(found)
    assert "wrong@" not in str(found)


@pytest.mark.usefixtures("impatient")
async def test_where_nobody_listens_is_said_in_words() -> None:
    """Not by the number of an error."""
    async with bus(["amqp://u:p@127.0.0.1:1/"]) as (channel, found):
        assert channel is None
    assert "cannot be reached: connection refused  Fix: start RabbitMQ" in str(found)


async def test_queues_of_earlier_versions_are_noted(broker: Broker, amqp_url: str) -> None:
    """Nobody takes from them any more: how much is in each is said, and how it goes."""
    connection = await aiormq.connect(amqp_url)
    await (await connection.channel()).queue_declare("monitor", durable=True)
    channel = await connect(amqp_url)
    await channel.wait_up()
    (found,) = await leftovers(channel)
    await channel.close()
    await connection.close()
    assert found.mark is Mark.NOTE
    assert "rabbitmqctl delete_queue monitor" in found.fix
