"""The contract of Channel, held by both buses: what becomes of a message."""

from __future__ import annotations

import asyncio

import pytest

from baton.bus.channel import Delivery, Envelope, Link
from baton.bus.exchanges import INPUT, Queue, agent_queue
from baton.errors import (
    Unroutable,
)
from tests.baton.bus.inbox import WORK, Inbox, letter, send, the_dead, work_queue
from tests.support.buses import Bus
from tests.support.wait import until


async def test_an_envelope_arrives_as_it_was_sent(bus: Bus) -> None:
    """Body, properties, headers and key travel unchanged; the time in whole seconds."""
    channel = await work_queue(bus)
    sent = Envelope(
        b'{"a":1}',
        id="r1",
        type="baton.request",
        correlation="j1",
        timestamp=1764000000.0,
        headers={"traceparent": "00-1-2-03"},
        content_type="text/plain",
    )
    inbox = Inbox()
    await channel.consume(WORK, inbox)
    await channel.publish(INPUT, "host.h1", sent)
    await until(lambda: inbox.got)
    assert inbox.got[0].envelope == sent
    assert inbox.got[0].key == "host.h1"
    assert inbox.got[0].redelivered is False


async def test_what_is_acknowledged_does_not_come_back(bus: Bus) -> None:
    """Acknowledged messages stay away, also when the channel closes right after."""
    channel = await work_queue(bus)
    inbox = Inbox()
    await channel.consume(WORK, inbox)
    await send(channel, *map(str, range(50)))
    await until(lambda: len(inbox.got) == 50)
    await channel.close()
    other = await bus.open()
    assert await other.depth(WORK) == 0


async def test_what_is_not_acknowledged_is_delivered_again_after_a_close(bus: Bus) -> None:
    """Closing a channel gives back what it had not settled, in order and marked as redelivered."""
    channel = await work_queue(bus)
    silent = Inbox(ack=False)
    await channel.consume(WORK, silent)
    await send(channel, "a", "b", "c")
    await until(lambda: len(silent.got) == 3)
    await silent.got[1].ack()
    await channel.close()
    other, inbox = await bus.open(), Inbox()
    await other.consume(WORK, inbox)
    await until(lambda: len(inbox.got) == 2)
    assert inbox.ids == ["a", "c"]
    assert all(delivery.redelivered for delivery in inbox.got)


async def test_a_consumer_comes_back_after_its_connection_is_cut(bus: Bus) -> None:
    """A cut connection mends by itself: the consumer goes on with what it had not settled."""
    channel = await work_queue(bus)
    changes: list[Link] = []
    channel.on_link(changes.append)
    inbox = Inbox(ack=False)
    await channel.consume(WORK, inbox)
    await send(channel, "a", "b")
    await until(lambda: len(inbox.got) == 2)
    await bus.cut(channel)
    await until(lambda: len(inbox.got) == 4)
    assert inbox.ids == ["a", "b", "a", "b"]
    assert [delivery.redelivered for delivery in inbox.got] == [False, False, True, True]
    await until(lambda: changes == [Link.DOWN, Link.UP])
    assert channel.link_reason == ""


async def test_settling_late_or_twice_does_nothing(bus: Bus) -> None:
    """An ack for a connection that is gone, or a second one, neither fails nor settles another."""
    channel = await work_queue(bus)
    inbox = Inbox(ack=False)
    await channel.consume(WORK, inbox)
    await send(channel, "a")
    await until(lambda: inbox.got)
    await bus.cut(channel)
    await until(lambda: len(inbox.got) == 2)
    await inbox.got[0].ack()
    await inbox.got[0].reject(requeue=False)
    await inbox.got[1].reject(requeue=True)
    await inbox.got[1].ack()
    await until(lambda: len(inbox.got) == 3)
    assert inbox.ids == ["a", "a", "a"]


async def test_prefetch_bounds_what_is_handed_out(bus: Bus) -> None:
    """At most `prefetch` messages are unsettled; each one settled makes room for one more."""
    channel = await work_queue(bus)
    inbox = Inbox(ack=False)
    await channel.consume(WORK, inbox, prefetch=2)
    await send(channel, "a", "b", "c", "d")
    await until(lambda: len(inbox.got) == 2)
    assert await until(lambda: channel.depth(WORK)) == 2
    await inbox.got[0].ack()
    await until(lambda: len(inbox.got) == 3)
    assert inbox.ids == ["a", "b", "c"]


async def test_one_slow_message_does_not_hold_the_others(bus: Bus) -> None:
    """Acknowledgements behind a message that is still at work get through."""
    channel = await work_queue(bus)
    inbox = Inbox()

    async def handler(delivery: Delivery) -> None:
        inbox.ack = delivery.envelope.id != "slow"
        await inbox(delivery)

    await channel.consume(WORK, handler, prefetch=5)
    await send(channel, "slow", *map(str, range(30)))
    await until(lambda: len(inbox.got) == 31)


async def test_a_message_past_the_time_of_its_queue_is_dead(bus: Bus) -> None:
    """What waits longer than the queue's TTL goes to the dead letters, with the reason."""
    queue = Queue("soon", ttl=0.2)
    channel = await work_queue(bus, queue)
    await send(channel, "a")
    await bus.advance(0.3)
    dead = await the_dead(bus, channel)
    assert dead.envelope.id == "a"
    assert dead.key == "host.h1"
    assert dead.envelope.headers["x-first-death-reason"] == "expired"
    assert dead.envelope.headers["x-first-death-queue"] == "soon"
    assert await channel.depth(queue) == 0


async def test_a_rejected_message_is_a_dead_letter(bus: Bus) -> None:
    """reject without requeue sends a message to the dead letters, with key, headers and reason."""
    channel = await work_queue(bus)

    async def handler(delivery: Delivery) -> None:
        await delivery.reject(requeue=False)

    await channel.consume(WORK, handler)
    sent = Envelope(b"?", id="bad", headers={"traceparent": "t"})
    await channel.publish(INPUT, "host.h1", sent)
    dead = await the_dead(bus, channel)
    assert dead.envelope.body == b"?"
    assert dead.key == "host.h1"
    assert dead.envelope.headers["traceparent"] == "t"
    assert dead.envelope.headers["x-first-death-reason"] == "rejected"
    await dead.ack()


async def test_a_message_put_back_is_delivered_again_first(bus: Bus) -> None:
    """reject with requeue puts a message back where it was."""
    channel = await work_queue(bus)
    inbox = Inbox(ack=False)
    await channel.consume(WORK, inbox, prefetch=1)
    await send(channel, "a", "b")
    await until(lambda: inbox.got)
    await inbox.got[0].reject(requeue=True)
    await until(lambda: len(inbox.got) == 2)
    assert inbox.ids == ["a", "a"]
    assert inbox.got[1].redelivered


async def test_a_message_is_delivered_as_often_as_its_queue_allows(bus: Bus) -> None:
    """A message that fails every time is dead after `delivery_limit` deliveries."""
    queue = Queue("limited", delivery_limit=3)
    channel = await work_queue(bus, queue)
    calls: list[str] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.envelope.id)
        raise RuntimeError("the handler is broken")

    await channel.consume(queue, handler)
    await send(channel, "a")
    dead = await the_dead(bus, channel)
    assert calls == ["a", "a", "a"]
    assert dead.envelope.headers["x-first-death-reason"] == "delivery_limit"


async def test_who_published_is_known(bus: Bus) -> None:
    """The account is that of the connection, whatever the message says."""
    channel = await work_queue(bus)
    inbox = Inbox()
    await channel.consume(WORK, inbox)
    await channel.publish(INPUT, "host.h1", Envelope(b"{}", id="a", user="agent.web-1"))
    await until(lambda: inbox.got)
    assert inbox.got[0].envelope.user == "baton"


async def test_a_message_that_has_expired_is_not_handed_out(bus: Bus) -> None:
    """By the clock of the bus alone: whoever comes back late gets only what still counts. The
    dead letter can be sent again without expiring at once."""
    channel = await work_queue(bus)
    await channel.publish(INPUT, "host.h1", Envelope(b"{}", id="late", expires=0.2))
    await channel.publish(INPUT, "host.h1", Envelope(b"{}", id="in time", expires=60))
    await send(channel, "for ever")
    await bus.advance(0.5)
    dead = await the_dead(bus, channel)
    assert (dead.envelope.id, dead.envelope.expires) == ("late", None)
    assert dead.envelope.headers["x-first-death-reason"] == "expired"
    inbox = Inbox()
    await channel.consume(WORK, inbox)
    await until(lambda: len(inbox.got) == 2)
    assert inbox.ids == ["in time", "for ever"]
    assert [delivery.envelope.expires for delivery in inbox.got] == [60, None]


async def test_a_message_that_was_put_back_still_expires(bus: Bus) -> None:
    """Its time runs on while somebody holds it."""
    channel = await work_queue(bus)
    other = Queue("other")
    await channel.declare(other, [(INPUT, "host.h2")])
    inbox = Inbox(ack=False)
    await channel.consume(WORK, inbox)
    await channel.publish(INPUT, "host.h1", Envelope(b"{}", id="held", expires=0.3))
    await channel.publish(INPUT, "host.h2", Envelope(b"{}", id="waits", expires=0.4))
    await until(lambda: inbox.got)
    await bus.advance(0.5)
    waited = await the_dead(bus, channel)
    assert waited.envelope.id == "waits"
    await inbox.got[0].reject(requeue=True)
    dead = await the_dead(bus, channel)
    assert dead.envelope.id == "held"
    assert len(inbox.got) == 1


async def test_one_consumer_at_a_time_and_the_next_takes_over(bus: Bus) -> None:
    """With a single active consumer the first gets all; when it is gone the next one goes on."""
    queue = agent_queue("h1")
    first = await work_queue(bus, queue)
    second = await bus.open()
    ours, theirs = Inbox(ack=False), Inbox()
    await first.consume(queue, ours, prefetch=2)
    await second.consume(queue, theirs)
    await send(first, "a", "b", "c", "d")
    await until(lambda: len(ours.got) == 2)
    await ours.got[0].ack()
    await until(lambda: len(ours.got) == 3)
    assert not theirs.got
    await first.close()
    await until(lambda: len(theirs.got) == 3)
    assert theirs.ids == ["b", "c", "d"]
    assert [delivery.redelivered for delivery in theirs.got] == [True, True, False]


async def test_workers_share_a_queue(bus: Bus) -> None:
    """Without a single active consumer, all consumers of a queue get their share."""
    channel = await work_queue(bus)
    other = await bus.open()
    ours, theirs = Inbox(ack=False), Inbox(ack=False)
    await channel.consume(WORK, ours, prefetch=2)
    await other.consume(WORK, theirs, prefetch=2)
    await send(channel, "a", "b", "c", "d")
    await until(lambda: len(ours.got) == len(theirs.got) == 2)
    assert sorted(ours.ids + theirs.ids) == ["a", "b", "c", "d"]


async def test_nobody_listening_is_an_error(bus: Bus) -> None:
    """A mandatory publish that no queue takes raises Unroutable; another one is dropped."""
    channel = await work_queue(bus)
    with pytest.raises(Unroutable, match=r"no queue takes host\.gone on baton\.in"):
        await channel.publish(INPUT, "host.gone", letter("a"), mandatory=True)
    await channel.publish(INPUT, "host.gone", letter("b"))
    await channel.declare(WORK, [(INPUT, "host.gone")])
    await channel.publish(INPUT, "host.gone", letter("c"), mandatory=True)
    assert await until(lambda: channel.depth(WORK)) == 1


async def test_an_unknown_exchange_is_the_callers_mistake(bus: Bus) -> None:
    """Publishing to an exchange that is not of the wire contract never reaches the bus."""
    channel = await bus.open()
    with pytest.raises(ValueError, match=r"elsewhere is not one of the exchanges baton\.in"):
        await channel.publish("elsewhere", "k", letter("a"))
    assert channel.link is Link.UP


async def test_each_publish_learns_its_own_fate(bus: Bus) -> None:
    """Of publishes under way together, with one id for all, exactly those without a queue fail."""
    channel = await work_queue(bus)
    keys = ["host.h1", "host.gone", "host.h1", "host.gone"]
    fates = await asyncio.gather(
        *(channel.publish(INPUT, key, letter("same"), mandatory=True) for key in keys),
        return_exceptions=True,
    )
    assert [type(fate) for fate in fates] == [type(None), Unroutable, type(None), Unroutable]


async def test_publishes_arrive_in_the_order_of_the_calls(bus: Bus) -> None:
    """Calls made one after the other keep their order, without waiting for each other's confirm."""
    channel = await work_queue(bus)
    inbox = Inbox()
    await channel.consume(WORK, inbox)
    ids = [str(number) for number in range(300)]
    await send(channel, *ids)
    await until(lambda: len(inbox.got) == 300)
    assert inbox.ids == ids
