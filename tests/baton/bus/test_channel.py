"""The contract of Channel, held by both buses: in memory and over RabbitMQ."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from baton.bus.channel import Channel, Delivery, Envelope, Link
from baton.bus.connect import connect
from baton.bus.exchanges import DEAD, DEAD_QUEUE, INPUT, OUTPUT, Queue, agent_queue
from baton.bus.link import WATCH_INTERVAL
from baton.errors import (
    Blocked,
    BusRefused,
    Disconnected,
    QueueMismatch,
    SettingsError,
    Unconfirmed,
    Unroutable,
)
from tests.support.broker import Broker
from tests.support.buses import Bus, InMemory, OverRabbit
from tests.support.wait import until

WORK = Queue("work")


@pytest.fixture(params=["memory", "rabbitmq"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    made: Bus
    if request.param == "memory":
        made = InMemory()
    else:
        broker: Broker = request.getfixturevalue("broker")
        made = OverRabbit(broker, request.getfixturevalue("amqp_url"))
    yield made
    await made.close()


class Inbox:
    """A handler that keeps what it gets, and acknowledges it if asked to."""

    def __init__(self, ack: bool = True) -> None:
        self.ack = ack
        self.got: list[Delivery] = []

    async def __call__(self, delivery: Delivery) -> None:
        self.got.append(delivery)
        if self.ack:
            await delivery.ack()

    @property
    def ids(self) -> list[str]:
        return [delivery.envelope.id for delivery in self.got]


def letter(id: str) -> Envelope:
    return Envelope(b"{}", id=id)


async def send(channel: Channel, *ids: str, key: str = "host.h1") -> None:
    """Publish letters one after the other, without waiting between them."""
    await asyncio.gather(
        *(channel.publish(INPUT, key, letter(id), mandatory=True, timeout=60) for id in ids)
    )


async def work_queue(bus: Bus, queue: Queue = WORK, key: str = "host.h1") -> Channel:
    channel = await bus.open()
    await channel.declare(queue, [(INPUT, key)])
    return channel


async def the_dead(bus: Bus, channel: Channel) -> Delivery:
    """The first dead letter, once it is there."""
    found = await until(lambda: channel.get(DEAD_QUEUE))
    assert found is not None
    return found


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


async def test_keys_are_matched_by_word(bus: Bus) -> None:
    """`*` takes one word, `#` any number; several bindings that match make one message."""
    channel = await bus.open()
    await channel.declare(WORK, [(OUTPUT, "update.*.shop"), (OUTPUT, "update.#"), (OUTPUT, "x.*")])
    for key in ("update.prod.shop", "update", "x.y", "x", "x.y.z", "pong.prod.shop"):
        await channel.publish(OUTPUT, key, letter(key))
    assert await until(lambda: channel.depth(WORK)) == 3
    assert [d.key for _ in range(3) if (d := await channel.get(WORK))] == [
        "update.prod.shop",
        "update",
        "x.y",
    ]


async def test_declaring_again_changes_nothing(bus: Bus) -> None:
    """A queue may be declared by everybody, any number of times; what it holds stays."""
    channel = await work_queue(bus)
    await send(channel, "a")
    other = await work_queue(bus)
    await channel.declare(WORK, [(INPUT, "host.h1")])
    assert await until(lambda: other.depth(WORK)) == 1


async def test_a_queue_with_other_settings_is_an_error(bus: Bus) -> None:
    """Declaring a queue differently raises QueueMismatch, and the channel stays of use."""
    channel = await work_queue(bus)
    with pytest.raises(QueueMismatch, match="The queue work exists with other settings"):
        await channel.declare(Queue("work", ttl=60))
    await send(channel, "a")
    assert channel.link is Link.UP


async def test_looking_through_a_queue(bus: Bus) -> None:
    """`get` takes one message after the other; unsettled ones go back when put back or at close."""
    channel = await work_queue(bus)
    assert await channel.get(Queue("nowhere")) is None
    assert await channel.depth(Queue("nowhere")) is None
    assert await channel.get(WORK) is None
    await send(channel, "a", "b", "c")
    found = [delivery for _ in range(3) if (delivery := await channel.get(WORK))]
    assert [delivery.envelope.id for delivery in found] == ["a", "b", "c"]
    assert await channel.get(WORK) is None
    await found[0].reject(requeue=True)
    await found[1].ack()
    other = await bus.open()
    assert await until(lambda: other.depth(WORK)) == 1
    await channel.close()
    await until(lambda: _is(other, WORK, 2))


async def _is(channel: Channel, queue: Queue, depth: int) -> bool:
    return await channel.depth(queue) == depth


async def test_a_cancelled_subscription_gets_nothing_more(bus: Bus) -> None:
    """After cancel no message is handed out, those handed out can still be settled."""
    channel = await work_queue(bus)
    inbox = Inbox(ack=False)
    subscription = await channel.consume(WORK, inbox, prefetch=1)
    await send(channel, "a", "b")
    await until(lambda: inbox.got)
    await subscription.cancel()
    await subscription.cancel()
    await inbox.got[0].ack()
    await channel.close()
    other = await bus.open()
    await until(lambda: _is(other, WORK, 1))
    assert inbox.ids == ["a"]
    left = await other.get(WORK)
    assert left is not None
    assert left.envelope.id == "b"


async def test_closing_waits_for_handlers_at_work(bus: Bus) -> None:
    """A handler that has begun may finish and acknowledge while its channel closes."""
    channel = await work_queue(bus)
    begun, go = asyncio.Event(), asyncio.Event()

    async def handler(delivery: Delivery) -> None:
        begun.set()
        await go.wait()
        await delivery.ack()

    await channel.consume(WORK, handler)
    await send(channel, "a")
    await begun.wait()
    closing = asyncio.create_task(channel.close())
    await asyncio.sleep(0)
    go.set()
    await closing
    await channel.close()
    other = await bus.open()
    assert await other.depth(WORK) == 0


async def test_a_closed_channel_says_so(bus: Bus) -> None:
    """After close the link is down and a publish raises Disconnected."""
    channel = await work_queue(bus)
    since = channel.link_since
    assert channel.broker
    await channel.close()
    assert channel.link is Link.DOWN
    assert channel.broker == ""
    assert channel.link_since > since
    with pytest.raises(Disconnected, match="closed"):
        await channel.publish(INPUT, "host.h1", letter("a"))
    with pytest.raises(Disconnected):
        await channel.get(WORK)


async def test_a_bus_that_is_low_on_memory_says_so(bus: Bus) -> None:
    """While the bus takes no messages, the link is blocked and a publish raises Blocked; consumers
    go on; afterwards all is well again."""
    channel = await work_queue(bus)
    inbox = Inbox(ack=False)
    await channel.consume(WORK, inbox, prefetch=1)
    await send(channel, "a", "b")
    await until(lambda: len(inbox.got) == 1)
    await bus.block(True)

    async def refused() -> bool:
        try:
            await channel.publish(OUTPUT, "nobody", letter("c"), timeout=0.4)
        except (Unconfirmed, Blocked):
            return True
        return False

    await until(refused)
    await until(lambda: channel.link is Link.BLOCKED)
    assert "low on memory" in channel.link_reason
    with pytest.raises(Blocked, match="accepts no messages at the moment"):
        await channel.publish(INPUT, "host.h1", letter("d"))
    await inbox.got[0].ack()
    await until(lambda: len(inbox.got) == 2)
    await bus.block(False)
    await until(lambda: channel.link is Link.UP)
    await send(channel, "e")


async def test_what_a_listener_raises_disturbs_nobody(bus: Bus) -> None:
    """A listener of the link that fails does not keep the others from hearing."""
    channel = await bus.open()
    heard: list[Link] = []

    def broken(_: Link) -> None:
        raise RuntimeError("the listener is broken")

    channel.on_link(broken)
    channel.on_link(heard.append)
    await channel.close()
    assert heard == [Link.DOWN]


async def test_dead_letters_can_be_sent_again(bus: Bus) -> None:
    """What is published to the dead letters can be taken out and published where it belongs."""
    channel = await work_queue(bus)
    await channel.publish(
        DEAD, "host.h1", Envelope(b"{}", id="a", headers={"reason": "it is not JSON"})
    )
    dead = await the_dead(bus, channel)
    assert dead.envelope.headers == {"reason": "it is not JSON"}
    await channel.publish(INPUT, dead.key, dead.envelope, mandatory=True)
    await dead.ack()
    assert await until(lambda: channel.depth(WORK)) == 1
    await until(lambda: _is(channel, DEAD_QUEUE, 0))


@pytest.mark.parametrize("url", ["redis://x", "", "amqp://", "memory", "amqp://h:port/"])
async def test_a_url_that_is_no_bus_is_an_error(url: str) -> None:
    """connect names what is wrong with a URL at once, instead of trying for ever."""
    with pytest.raises(SettingsError, match="It must be amqp://"):
        await connect(url)


EXTRA = Queue("extra", optional=True)


async def test_a_binding_that_is_lost_is_put_back(bus: Bus) -> None:
    """Whatever an operator unbinds under a live link is bound again within one look."""
    channel = await work_queue(bus)
    await bus.unbind(WORK.name, INPUT, "host.h1")
    with pytest.raises(Unroutable):
        await send(channel, "lost")
    await bus.advance(WATCH_INTERVAL)
    await until(lambda: _arrives(channel))
    assert channel.link is Link.UP


@pytest.mark.parametrize("exchange", [INPUT, OUTPUT, DEAD])
async def test_an_exchange_that_is_deleted_is_made_again(bus: Bus, exchange: str) -> None:
    """An exchange deleted under a live link is there again within one look, with the bindings of
    everybody."""
    channel, other = await bus.open(), await bus.open()
    await channel.declare(WORK, [(exchange, "host.h1")])
    await other.declare(Queue("other"), [(exchange, "host.h1")])
    await bus.delete_exchange(exchange)
    await bus.advance(WATCH_INTERVAL)
    sent = 0

    async def both() -> bool:
        nonlocal sent
        with contextlib.suppress(Unroutable, Unconfirmed, Disconnected):
            await channel.publish(exchange, "host.h1", letter("a"), mandatory=True)
            sent += 1
            return bool(await channel.depth(WORK) and await other.depth(Queue("other")))
        return False

    await until(both)
    assert sent


async def _arrives(channel: Channel) -> bool:
    try:
        await send(channel, "a")
    except (Unroutable, Unconfirmed, Disconnected):
        return False
    return True


async def test_an_optional_queue_that_is_refused_takes_nothing_along(bus: Bus) -> None:
    """The link is up without it and says which queue is missing and why; once the right is given
    it is made, bound and consumed."""
    await bus.deny(EXTRA.name)
    channel = await work_queue(bus)
    inbox, extra = Inbox(), Inbox()
    await channel.consume(WORK, inbox)
    await channel.declare(EXTRA, [(OUTPUT, "alert.#")])
    await channel.consume(EXTRA, extra)
    await send(channel, "a")
    await until(lambda: inbox.ids == ["a"])
    assert list(channel.lacking) == ["extra"]
    assert "ACCESS_REFUSED" in str(channel.lacking["extra"])
    await bus.cut(channel)
    await until(lambda: channel.link is Link.UP)
    assert list(channel.lacking) == ["extra"]
    assert channel.refusal is None
    await bus.deny()
    await bus.advance(WATCH_INTERVAL)
    await until(lambda: not channel.lacking)
    await channel.publish(OUTPUT, "alert.x", letter("b"), mandatory=True)
    await until(lambda: extra.ids == ["b"])


async def test_a_needed_queue_that_is_refused_is_told(bus: Bus) -> None:
    """With the link up the one who declares it is told; the channel stays of use."""
    channel = await work_queue(bus)
    await bus.deny("other")
    with pytest.raises(BusRefused, match="to declare queue other: ACCESS_REFUSED"):
        await channel.declare(Queue("other"))
    await send(channel, "a")
    assert channel.link is Link.UP
    assert channel.refusal is None


async def test_a_right_that_is_taken_away_is_told(bus: Bus) -> None:
    """Without a queue that is needed the link is down and says why, for good or until the right is
    given back; then all is as it was."""
    channel, inbox = await work_queue(bus), Inbox()
    await channel.consume(WORK, inbox)
    await bus.deny(WORK.name)
    await bus.advance(WATCH_INTERVAL)
    await until(lambda: channel.refusal is not None)
    assert str(channel.link) == "down"
    assert "to declare queue work" in channel.link_reason
    async with asyncio.timeout(60):
        assert "ACCESS_REFUSED" in str(await channel.refused(0.0))
    await bus.deny()
    await bus.advance(WATCH_INTERVAL)
    await until(lambda: channel.link is Link.UP)
    assert channel.refusal is None
    await send(channel, "a")
    await until(lambda: inbox.ids == ["a"])


async def test_a_right_to_publish_that_is_missing_is_told(bus: Bus) -> None:
    """A publish that is refused takes the link down, and it stays down until it is allowed."""
    channel = await work_queue(bus)
    await bus.deny(OUTPUT)
    with pytest.raises((Unconfirmed, Disconnected)):
        await channel.publish(OUTPUT, "heartbeat.prod.h1", letter("a"))
    await until(lambda: channel.refusal is not None)
    assert f"on {OUTPUT}" in channel.link_reason or OUTPUT in channel.link_reason
    await bus.deny()
    await bus.advance(WATCH_INTERVAL)
    await until(lambda: channel.link is Link.UP)
    await channel.publish(OUTPUT, "heartbeat.prod.h1", letter("a"))


async def test_rights_can_be_asked_without_using_them(bus: Bus) -> None:
    """What is missing is named; asking makes no queue, takes no message and closes nothing."""
    channel = await work_queue(bus)
    await send(channel, "a")
    await until(lambda: _is(channel, WORK, 1))
    new = Queue("new", single_active=True)
    for queue in (WORK, new):
        assert await channel.missing_rights(queue, [(INPUT, "host.h1")]) == []
    assert await channel.may_not_publish(INPUT, "host.h1") is None
    await bus.deny("new", OUTPUT)
    missing = await channel.missing_rights(new, [(INPUT, "host.h1")])
    assert missing
    assert "new" in str(missing[0])
    refused = await channel.may_not_publish(OUTPUT, "update.prod.deploy")
    assert refused is not None
    assert "to publish update.prod.deploy on baton.out" in str(refused)
    assert await channel.missing_rights(WORK, [(INPUT, "host.h1")]) == []
    assert await channel.depth(new) is None
    assert await channel.depth(WORK) == 1
    assert channel.link is Link.UP
