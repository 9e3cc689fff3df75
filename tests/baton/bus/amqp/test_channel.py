"""What only a real RabbitMQ can do to a channel, and how the channel takes it."""

from __future__ import annotations

import asyncio

import pytest

from baton.bus.amqp import AmqpChannel
from baton.bus.amqp import channel as channel_module
from baton.bus.amqp.channel import FIRST_DELAY, MAX_DELAY, reconnect_delay
from baton.bus.channel import Envelope, Link
from baton.bus.exchanges import INPUT, Queue
from baton.bus.urls import redacted
from baton.errors import BusBlocked, Disconnected, Unconfirmed, Unroutable
from tests.baton.bus.amqp.inbox import INBOX, Opener, inbox_of, send
from tests.support.broker import Broker
from tests.support.buses import cut_connections
from tests.support.ports import free_port
from tests.support.wait import until


async def test_a_broker_that_restarts_is_waited_for(broker: Broker, open_channel: Opener) -> None:
    """With the broker away the link is down and says why; when it is back, so are the consumers,
    and messages that were kept meanwhile arrive."""
    channel = await open_channel()
    got = await inbox_of(channel)
    await send(channel, "before")
    await until(lambda: got == ["before"])
    await broker.stop()
    await until(lambda: channel.link is Link.DOWN)
    assert channel.link_reason
    with pytest.raises(Disconnected, match="No connection to RabbitMQ"):
        await send(channel, "meanwhile")
    await broker.start()
    await asyncio.wait_for(channel.wait_up(), 60)
    await send(channel, "after")
    await until(lambda: "after" in got)
    assert set(got) == {"before", "after"}


async def test_a_killed_broker_keeps_what_it_confirmed(
    broker: Broker, open_channel: Opener
) -> None:
    """What was confirmed is there after the broker lost its power."""
    channel = await open_channel()
    await channel.declare(INBOX, [(INPUT, "host.h1")])
    await send(channel, "kept")
    # RabbitMQ 3.10 needs half a second until it has noted on disk that a queue exists.
    await asyncio.to_thread(broker.eval, "[dets:sync(Table) || Table <- dets:all()].")
    await broker.kill()
    await until(lambda: channel.link is Link.DOWN)
    await broker.start()
    await asyncio.wait_for(channel.wait_up(), 60)
    got = await inbox_of(channel)
    await until(lambda: got == ["kept"])


async def test_what_is_asked_while_the_link_is_down_is_done_when_it_is_up(
    broker: Broker, amqp_url: str, open_channel: Opener
) -> None:
    """Declaring and consuming need no link: they are made good before the link is up."""
    await broker.stop()
    channel = await open_channel(up=False)
    got = await inbox_of(channel)
    assert channel.link is Link.DOWN
    await broker.start()
    await asyncio.wait_for(channel.wait_up(), 60)
    await send(channel, "a")
    await until(lambda: got == ["a"])


async def test_a_pending_publish_fails_cleanly_when_the_connection_dies(
    broker: Broker, amqp_url: str, open_channel: Opener
) -> None:
    """No publish ends in a CancelledError that nobody asked for: its fate is told or unknown."""
    channel = await open_channel()
    await channel.declare(INBOX, [(INPUT, "host.h1")])
    sending = [asyncio.create_task(send(channel, str(number))) for number in range(2000)]
    await until(lambda: any(task.done() for task in sending))
    await asyncio.to_thread(cut_connections, broker, f"agent {amqp_url.rpartition('/')[2]}")
    fates = await asyncio.gather(*sending, return_exceptions=True)
    failed = [fate for fate in fates if fate is not None]
    assert failed
    assert {type(fate) for fate in failed} <= {Unconfirmed, Disconnected}
    confirmed = len(fates) - len(failed)
    await asyncio.wait_for(channel.wait_up(), 60)
    depth = await until(lambda: channel.depth(INBOX))
    assert depth is not None
    assert depth >= confirmed


async def test_a_cancelled_publisher_is_cancelled(broker: Broker, open_channel: Opener) -> None:
    """A publish that its own caller cancels raises CancelledError, and the channel goes on."""
    channel = await open_channel()
    await channel.declare(INBOX, [(INPUT, "host.h1")])
    task = asyncio.create_task(send(channel, "a"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await send(channel, "b")


async def test_a_queue_that_an_operator_deletes_is_made_again(
    broker: Broker, amqp_url: str, open_channel: Opener
) -> None:
    """A queue deleted while it is consumed is declared, bound and consumed again."""
    channel = await open_channel()
    got = await inbox_of(channel)
    vhost = amqp_url.rpartition("/")[2]
    await asyncio.to_thread(_delete_queue, broker, vhost, INBOX.name)
    await until(lambda: _sent(channel, "a"))
    await until(lambda: got == ["a"])


def _delete_queue(broker: Broker, vhost: str, name: str) -> None:
    broker.eval(
        f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"{vhost}">>, queue, <<"{name}">>)), '
        f'rabbit_amqqueue:delete(Q, false, false, <<"operator">>).'
    )


async def _sent(channel: AmqpChannel, id: str) -> bool:
    try:
        await send(channel, id)
    except (Disconnected, Unconfirmed, Unroutable):
        return False
    return True


async def test_the_watchdog_brings_a_lost_consumer_back(open_channel: Opener) -> None:
    """A consumer that the broker has no more, though all looks well, is made again."""
    channel = await open_channel(watch_every=0.2)
    got = await inbox_of(channel)
    subscription = channel._subscriptions[0]
    assert subscription.settler is not None
    # As a fault of the client would: the broker forgets the consumer, and we do not notice.
    await subscription.settler.channel.basic_cancel(subscription.tag)
    await until(lambda: channel.link is Link.DOWN)
    assert "no consumer of ours on agent.h1" in channel.link_reason
    await asyncio.wait_for(channel.wait_up(), 60)
    await send(channel, "a")
    await until(lambda: got == ["a"])


async def test_a_channel_error_is_mended(open_channel: Opener) -> None:
    """When the broker closes an AMQP channel because of an error, everything is put back."""
    channel = await open_channel()
    got = await inbox_of(channel)
    settler = channel._subscriptions[0].settler
    assert settler is not None
    settler.ack(4711)
    settler.reject(4712, requeue=False)  # there is no such delivery
    await until(lambda: channel.link is Link.DOWN)
    assert "unknown delivery tag" in channel.link_reason
    await asyncio.wait_for(channel.wait_up(), 60)
    await send(channel, "a")
    await until(lambda: got == ["a"])


async def test_a_late_confirm_or_return_does_no_harm(broker: Broker, open_channel: Opener) -> None:
    """Publishes that were given up during an alarm and are answered after it disturb nobody."""
    channel = await open_channel()
    await channel.declare(INBOX, [(INPUT, "host.h1")])
    changes: list[Link] = []
    channel.on_link(changes.append)
    await broker.memory_alarm(True)
    await until(lambda: _unanswered(channel, "host.gone", "host.h1"))
    with pytest.raises(BusBlocked):
        await send(channel, "refused")
    await broker.memory_alarm(False)
    await until(lambda: channel.link is Link.UP)
    await until(lambda: channel.depth(INBOX))
    await send(channel, "b")
    assert changes == [Link.BLOCKED, Link.UP]


async def _unanswered(channel: AmqpChannel, *keys: str) -> bool:
    """Whether the alarm is in force: publishes to all of `keys` are given up."""
    publishes = [
        channel.publish(INPUT, key, Envelope(b"{}", id=key), mandatory=True, timeout=0.4)
        for key in keys
    ]
    fates = await asyncio.gather(*publishes, return_exceptions=True)
    if any(isinstance(fate, Unconfirmed) for fate in fates):
        assert {str(fate) for fate in fates} == {
            f"RabbitMQ did not confirm {key} on baton.in (no confirm within 0.4 s): "
            "it may still be delivered."
            for key in keys
        }
        return True
    return False


async def test_closing_while_blocked_or_down_ends(broker: Broker, open_channel: Opener) -> None:
    """close returns soon, whatever state the link is in."""
    blocked = await open_channel()
    await broker.memory_alarm(True)
    await until(lambda: _unanswered(blocked, "host.gone"))
    async with asyncio.timeout(60):
        await blocked.close()
    await broker.memory_alarm(False)
    down = await open_channel([f"amqp://u:secret@127.0.0.1:{free_port()}/"], up=False)
    async with asyncio.timeout(60):
        await down.close()
        await down.close()


async def test_the_next_host_of_the_pool_is_tried(amqp_url: str, open_channel: Opener) -> None:
    """With the first host of a pool dead, the second is used, and shown."""
    dead = f"amqp://baton:baton@127.0.0.1:{free_port()}/"
    channel = await open_channel([dead, amqp_url])
    assert channel.url == redacted(amqp_url)
    await inbox_of(channel)
    await send(channel, "a")


async def test_a_queue_of_an_older_version_is_told(amqp_url: str, open_channel: Opener) -> None:
    """A queue that has other settings when the link comes up keeps it down, with the reason."""
    first = await open_channel()
    await first.declare(Queue("work"))
    second = AmqpChannel([amqp_url], "second")
    await second.declare(Queue("work", ttl=60))
    task = asyncio.create_task(second._run())
    await until(lambda: "work exists with other settings" in second.link_reason)
    assert second.link is Link.DOWN
    task.cancel()
    await asyncio.wait({task})


async def test_nothing_is_lost_over_many_cuts(
    broker: Broker, amqp_url: str, open_channel: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a sender repeats until it is confirmed arrives, however often connections are cut."""
    monkeypatch.setattr(channel_module, "MAX_DELAY", 0.5)
    sender, receiver = await open_channel(), await open_channel()
    got = await inbox_of(receiver)
    wanted = {str(number) for number in range(300)}
    cuts = 0

    async def insist(id: str) -> None:
        while not await _sent(sender, id):
            await asyncio.wait_for(sender.wait_up(), 60)

    async def cut() -> None:
        nonlocal cuts
        while len(set(got)) < len(wanted):
            await asyncio.to_thread(cut_connections, broker, f"agent {amqp_url.rpartition('/')[2]}")
            cuts += 1
            await asyncio.wait_for(asyncio.gather(sender.wait_up(), receiver.wait_up()), 60)

    cutting = asyncio.create_task(cut())
    for id in sorted(wanted):
        await insist(id)
    await until(lambda: set(got) == wanted)
    await cutting
    assert cuts > 1


def test_pauses_grow_and_are_bounded() -> None:
    """The pause between two attempts doubles, with jitter, up to ten seconds."""
    assert reconnect_delay(0, 0.0) == FIRST_DELAY / 2
    assert reconnect_delay(1, 1.0) == 2 * FIRST_DELAY
    assert MAX_DELAY / 2 <= reconnect_delay(1000, 0.0) <= reconnect_delay(1000, 1.0) == MAX_DELAY
