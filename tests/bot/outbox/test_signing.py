"""Every order that leaves a bot is signed: what makes a server act, and what asks it something."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from baton.bus.channel import Envelope, Link
from baton.bus.exchanges import INPUT
from baton.bus.facts import Facts
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import Heartbeat, Look, Request, decode, now
from baton.bus.signing.header import SIGNATURE
from baton.bus.signing.key_ring import KeyRing
from baton.bus.signing.private_key import PrivateKey
from baton.bus.signing.signer import KeySigner
from bot.alerting.agent_prober import AgentProber
from tests.bot.world import Stage, a_bot
from tests.support.servers import make_registry
from tests.support.wait import until

OLD, NEW = PrivateKey.new("old"), PrivateKey.new("new")


class Tapped(MemoryChannel):
    """A channel that keeps the orders that are published on it."""

    def __init__(self, bus: MemoryBus) -> None:
        super().__init__("memory://test", on=bus)
        self.orders: list[Envelope] = []

    async def publish(self, exchange: str, key: str, envelope: Envelope, **how: Any) -> None:
        if exchange == INPUT:
            self.orders.append(envelope)
        await super().publish(exchange, key, envelope, **how)

    def unsigned(self) -> list[str]:
        """The kinds of those that lack a signature that each of both keys verifies alone."""
        return [
            one.type
            for one in self.orders
            for key in (OLD, NEW)
            if KeyRing([key.public]).doubt(one.type, one.body, one.headers.get(SIGNATURE))
        ]


async def test_every_order_of_a_bot_is_signed_as_it_is_sent(stage: Stage) -> None:
    """By both keys while one replaces the other; the deadline that counts from the sending is in
    what is signed."""
    channel = Tapped(stage.bus)
    agent = await stage.agent("web-1", waits=True)
    bot = a_bot(stage.store, channel, stage.front, signer=KeySigner([OLD, NEW]))
    stage.bots.append(bot)
    await bot.start()
    await agent.beat()
    await stage.knows(bot, "web-1")
    job = await stage.job(bot, "ship shop prod")
    await until(lambda: agent.requests)
    await stage.ask(bot, f"cancel {job}")
    await until(lambda: agent.cancels)
    await until(lambda: len({one.type for one in channel.orders}) == 3)
    assert {one.type for one in channel.orders} == {
        "baton.discover",
        "baton.request",
        "baton.cancel",
    }
    assert channel.unsigned() == []
    (sent,) = (one for one in channel.orders if one.type == Request.type)
    request = decode(sent.body)
    assert isinstance(request, Request)
    assert sent.timestamp is not None
    assert abs((request.time - datetime.fromtimestamp(sent.timestamp, UTC)).total_seconds()) < 1
    assert (request.deadline - request.time).total_seconds() == sent.expires


async def test_a_probe_is_signed() -> None:
    """It has an agent connect to what it names."""
    channel = Tapped(MemoryBus("test"))
    servers = make_registry(now)
    servers.link_changed(Link.UP)
    facts = Facts(host="web-1", environment="prod", checks=("disk",))
    servers.record(Heartbeat(facts=facts, interval=15.0))
    prober = AgentProber(channel, servers, "bot", signer=KeySigner([OLD, NEW]))
    await prober.look("disk", "web-1", Look(check="disk", timeout=0.02))
    assert [one.type for one in channel.orders] == ["baton.probe"]
    assert channel.unsigned() == []
