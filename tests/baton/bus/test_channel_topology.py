"""The contract of Channel, held by both buses: queues, bindings, exchanges, and rights to them."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from baton.bus.channel import Channel, Delivery, Envelope, Link
from baton.bus.connect import connect
from baton.bus.exchanges import DEAD, DEAD_QUEUE, INPUT, OUTPUT, Queue
from baton.bus.link import WATCH_INTERVAL
from baton.errors import (
    BusBlocked,
    BusRefused,
    Disconnected,
    QueueMismatch,
    SettingsError,
    Unconfirmed,
    Unroutable,
)
from tests.baton.bus.inbox import WORK, Inbox, letter, send, the_dead, work_queue
from tests.support.buses import Bus
from tests.support.queues import first_of
from tests.support.wait import until


async def test_keys_are_matched_by_word(bus: Bus) -> None:
    """`*` takes one word, `#` any number; several bindings that match make one message."""
    channel = await bus.open()
    await channel.declare(WORK, [(OUTPUT, "update.*.shop"), (OUTPUT, "update.#"), (OUTPUT, "x.*")])
    for key in ("update.prod.shop", "update", "x.y", "x", "x.y.z", "pong.prod.shop"):
        await channel.publish(OUTPUT, key, letter(key))
    assert await until(lambda: channel.depth(WORK)) == 3
    assert [d.key for _ in range(3) if (d := await first_of(channel, WORK))] == [
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
    """`get` takes the first messages, in their order, and no more than that; unsettled ones go back
    when put back or at close."""
    channel = await work_queue(bus)
    assert list(await channel.get(Queue("nowhere"), 5)) == []
    assert await channel.depth(Queue("nowhere")) is None
    assert list(await channel.get(WORK, 5)) == []
    await send(channel, "a", "b", "c", "d")
    found = [*await channel.get(WORK, 2), *await channel.get(WORK, 1)]
    assert [delivery.envelope.id for delivery in found] == ["a", "b", "c"]
    assert await channel.depth(WORK) == 1
    (last,) = await channel.get(WORK, 5)
    assert list(await channel.get(WORK, 5)) == []
    await last.ack()
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
    left = await first_of(other, WORK)
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
        await first_of(channel, WORK)


async def test_a_bus_that_is_low_on_memory_says_so(bus: Bus) -> None:
    """While the bus takes no messages, the link is blocked and a publish raises BusBlocked;
    consumers go on; afterwards all is well again."""
    channel = await work_queue(bus)
    inbox = Inbox(ack=False)
    await channel.consume(WORK, inbox, prefetch=1)
    await send(channel, "a", "b")
    await until(lambda: len(inbox.got) == 1)
    await bus.block(True)

    async def refused() -> bool:
        try:
            await channel.publish(OUTPUT, "nobody", letter("c"), timeout=0.4)
        except (Unconfirmed, BusBlocked):
            return True
        return False

    await until(refused)
    await until(lambda: channel.link is Link.BLOCKED)
    assert "low on memory" in channel.link_reason
    with pytest.raises(BusBlocked, match="accepts no messages at the moment"):
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
