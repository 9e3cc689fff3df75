"""What only a real RabbitMQ can do to a channel, and how the channel takes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any

import aiormq
import pytest
import structlog
from pamqp import encode
from pamqp.commands import Basic
from structlog.testing import capture_logs

from baton.bus.amqp import AmqpChannel, session, wire
from baton.bus.amqp import channel as channel_module
from baton.bus.amqp.acks import PendingAcks
from baton.bus.amqp.channel import FIRST_DELAY, MAX_DELAY, reconnect_delay
from baton.bus.api import dead_letter
from baton.bus.channel import Delivery, Envelope, Link
from baton.bus.exchanges import DEAD_QUEUE, INPUT, Queue, agent_queue
from baton.bus.urls import redacted
from baton.errors import Blocked, Disconnected, Unconfirmed, Unroutable
from baton.version import baton_version
from tests.support.broker import Broker
from tests.support.buses import cut_connections
from tests.support.ports import free_port
from tests.support.relay import Relay, self_signed
from tests.support.wait import until

INBOX = agent_queue("h1")
Opener = Callable[..., Awaitable[AmqpChannel]]


@pytest.fixture
async def open_channel(amqp_url: str) -> AsyncIterator[Opener]:
    """Opens channels to the test's virtual host (or to `urls`), with their link up."""
    opened: list[AmqpChannel] = []

    async def opener(
        urls: list[str] | None = None, *, watch_every: float = 15.0, up: bool = True
    ) -> AmqpChannel:
        name = f"agent {amqp_url.rpartition('/')[2]}"
        channel = await AmqpChannel.open(
            urls or [amqp_url], name=name, watch_every=watch_every, owner=True
        )
        opened.append(channel)
        if up:
            await asyncio.wait_for(channel.wait_up(), 60)
        return channel

    yield opener
    for channel in opened:
        await channel.close()


async def inbox_of(channel: AmqpChannel) -> list[str]:
    """Consume the inbox of h1; the ids that arrive."""
    got: list[str] = []

    async def handler(delivery: Delivery) -> None:
        got.append(delivery.envelope.id)
        await delivery.ack()

    await channel.declare(INBOX, [(INPUT, "host.h1")])
    await channel.consume(INBOX, handler)
    return got


async def send(channel: AmqpChannel, id: str, timeout: float = 60) -> None:
    await channel.publish(INPUT, "host.h1", Envelope(b"{}", id=id), mandatory=True, timeout=timeout)


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


async def test_looking_leaves_nothing_behind(
    broker: Broker, amqp_url: str, open_channel: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often the watchdog looks, at a queue that is refused too, the connection does not
    grow."""
    looks = 0

    class Counted(session.Session):
        async def exchanges(self) -> None:
            nonlocal looks
            looks += 1
            await super().ensure_exchanges()

    monkeypatch.setattr(channel_module, "Session", Counted)
    pattern = "^(?!extra$)"
    await asyncio.to_thread(broker.grant, amqp_url, pattern, pattern, pattern)
    channel = await open_channel(watch_every=0.001)
    await inbox_of(channel)
    extra = Queue("extra", optional=True)
    await channel.declare(extra)
    await channel.consume(extra, nobody)
    assert list(channel.lacking) == ["extra"]
    assert channel._session is not None
    underlay: Any = channel._session._incoming.underlay

    async def after(number: int) -> int:
        await until(lambda: looks > number)
        return len(underlay._closing._callbacks)

    before = await after(looks + 2)
    assert await after(looks + 20) <= before + 5


async def nobody(_: Delivery) -> None:
    raise AssertionError("nothing comes")


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
    with pytest.raises(Blocked):
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
            f"RabbitMQ did not confirm {key} on baton.in (nothing within 0.4 s): "
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


@pytest.mark.parametrize(
    ("user", "vhost", "said"),
    [
        ("baton:s3cret-wrong", None, "ACCESS_REFUSED"),
        ("baton:baton", "nowhere", "the virtual host nowhere"),
    ],
)
async def test_a_refused_login_says_why_and_not_with_what(
    broker: Broker, open_channel: Opener, amqp_url: str, user: str, vhost: str | None, said: str
) -> None:
    """A wrong password or virtual host is told by link and log, without the password."""
    vhost = vhost or amqp_url.rpartition("/")[2]
    structlog.reset_defaults()
    with capture_logs() as logs:
        url = f"amqp://{user}@127.0.0.1:{broker.port}/{vhost}"
        channel = await open_channel([url], up=False)
        await until(lambda: said in channel.link_reason)
        with pytest.raises(Disconnected, match=said) as caught:
            await send(channel, "a")
    assert any(said in str(entry["reason"]) for entry in logs)
    told = f"{caught.value} {channel.url} {logs}"
    assert "s3cret" not in told
    assert ":baton@" not in told


async def test_a_host_that_does_not_answer_is_told(open_channel: Opener) -> None:
    """An unreachable broker is named, with the system's reason, without the password."""
    port = free_port()
    channel = await open_channel([f"amqp://u:s3cret@127.0.0.1:{port}/v?heartbeat=5"], up=False)
    await until(lambda: channel.link_reason == "connection refused")
    assert "start RabbitMQ" in channel.link_fix
    with pytest.raises(Disconnected) as caught:
        await send(channel, "a")
    assert f"amqp://u@127.0.0.1:{port}/v" in str(caught.value)
    assert "s3cret" not in str(caught.value)


async def test_the_broker_shows_who_is_connected(
    broker: Broker, amqp_url: str, open_channel: Opener
) -> None:
    """Both connections carry the given name, for whoever looks at the broker's own list."""
    await open_channel()
    listed = await broker.ctl("list_connections", "client_properties")
    assert f"agent {amqp_url.rpartition('/')[2]}" in listed
    assert "(publishing)" in listed
    assert f'{{"version","{baton_version()}"}}' in listed
    assert "aiormq" not in listed


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


async def test_a_peer_that_is_gone_without_a_word_is_noticed(
    broker: Broker, amqp_url: str, open_channel: Opener
) -> None:
    """A cut cable closes nothing: missing heartbeats end the link, and it mends."""
    relay = Relay(broker.port)
    await relay.start()
    through = amqp_url.replace(str(broker.port), str(relay.port)) + "?heartbeat=1"
    channel = await open_channel([through])
    got = await inbox_of(channel)
    relay.silence(True)
    sending = asyncio.create_task(send(channel, "lost?", timeout=30))
    await until(lambda: channel.link is Link.DOWN)
    with pytest.raises((Unconfirmed, Disconnected)):
        await sending
    relay.silence(False)
    await asyncio.wait_for(channel.wait_up(), 60)
    await send(channel, "a")
    await until(lambda: "a" in got)
    await channel.close()
    await relay.close()


async def test_a_broker_that_hears_but_does_not_answer_is_left(
    broker: Broker, amqp_url: str, open_channel: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watchdog ends a link on which questions are no longer answered, heartbeats or not."""
    monkeypatch.setattr(session, "ANSWER_TIMEOUT", 2.0)
    relay = Relay(broker.port)
    await relay.start()
    through = amqp_url.replace(str(broker.port), str(relay.port)) + "?heartbeat=0"
    channel = await open_channel([through], watch_every=0.2)
    await inbox_of(channel)
    relay.silence(True)
    await until(lambda: channel.link is Link.DOWN)
    assert "no answer" in channel.link_reason
    relay.silence(False)
    await asyncio.wait_for(channel.wait_up(), 60)
    await channel.close()
    await relay.close()


ODD = {
    "a date after the year 9999": ("timestamp", (2**63 - 1).to_bytes(8)),
    "a date in milliseconds": ("timestamp", (1_764_000_000_000).to_bytes(8)),
    "a header's name is no UTF-8": ("table", b"\x02\xff\xfeS\x00\x00\x00\x01a"),
    "a header's date": ("table", b"\x01kT" + b"\x7f" + b"\xff" * 7),
    "headers nested deep": (
        "table",
        reduce(lambda inner, _: b"\x01aF" + len(inner).to_bytes(4) + inner, range(3_000), b""),
    ),
    "many headers": ("table", b"\x01kt\x01" * 20_000),
    "an id that is no UTF-8": ("shortstr", b"\xff" * 255),
}


@pytest.mark.parametrize("case", ODD)
async def test_what_strangers_write_into_properties_costs_no_connection(
    amqp_url: str, open_channel: Opener, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """It is left out; the message comes, can be buried, and what follows comes too."""
    kind, raw = ODD[case]
    channel = await open_channel()
    links: list[Link] = []
    channel.on_link(links.append)
    got: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        got.append(delivery)
        await dead_letter(channel, delivery, "odd")

    await channel.declare(INBOX, [(INPUT, "host.h1")])
    await channel.consume(INBOX, handler)
    stranger = await aiormq.connect(amqp_url)
    line = await stranger.channel()
    properties = Basic.Properties(
        message_id="m", timestamp=datetime.now(UTC), headers={"a": "b"}, content_type="x"
    )
    with monkeypatch.context() as changed:
        size = len(raw).to_bytes(4 if kind == "table" else 1)
        written = raw if kind == "timestamp" else size + raw
        marshal = Basic.Properties.encode_property

        def encoded(self: Basic.Properties, name: str, value: Any) -> bytes:
            odd = kind != "shortstr" or name == "message_id"
            return written if self.amqp_type(name) == kind and odd else marshal(self, name, value)

        changed.setattr(Basic.Properties, "encode_property", encoded)
        await line.basic_publish(b"x", exchange=INPUT, routing_key="host.h1", properties=properties)
    await send(channel, "after")
    await until(lambda: len(got) == 2)
    assert got[0].envelope.body == b"x"
    await until(lambda: channel.get(DEAD_QUEUE))
    assert links == []
    await stranger.close()


async def test_a_key_that_is_no_utf_8_costs_no_connection(
    amqp_url: str, open_channel: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A routing key may be any bytes."""
    channel = await open_channel()
    got: list[str] = []

    async def handler(delivery: Delivery) -> None:
        got.append(delivery.key)
        await dead_letter(channel, delivery, "odd")

    await channel.declare(INBOX, [(INPUT, "odd.#")])
    await channel.consume(INBOX, handler)
    stranger = await aiormq.connect(amqp_url)
    line = await stranger.channel()
    with monkeypatch.context() as changed:
        raw = b"odd." + b"\xff" * 200
        plain = encode.METHODS["shortstr"]
        written = lambda value: bytes([len(raw)]) + raw if value == "odd" else plain(value)  # noqa: E731
        changed.setitem(encode.METHODS, "shortstr", written)
        await line.basic_publish(b"x", exchange=INPUT, routing_key="odd")
    await until(lambda: got)
    assert got == ["odd." + "\ufffd" * 200]
    await until(lambda: channel.get(DEAD_QUEUE))
    assert channel.link is Link.UP
    await stranger.close()


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


async def test_over_tls(
    broker: Broker, amqp_url: str, open_channel: Opener, tmp_path: Path
) -> None:
    """amqps:// verifies the broker's certificate against the authority that the URL names."""
    context, certificate = await asyncio.to_thread(self_signed, tmp_path)
    relay = Relay(broker.port, context)
    await relay.start()
    secure = amqp_url.replace("amqp://", "amqps://").replace(str(broker.port), str(relay.port))
    trusting = await open_channel([f"{secure}?cafile={certificate}"])
    await inbox_of(trusting)
    await send(trusting, "a")
    doubting = await open_channel([secure], up=False)
    await until(lambda: "certificate verify failed" in doubting.link_reason)
    assert "?cafile=" in doubting.link_fix
    await trusting.close()
    await doubting.close()
    await relay.close()


def test_pauses_grow_and_are_bounded() -> None:
    """The pause between two attempts doubles, with jitter, up to ten seconds."""
    assert reconnect_delay(0, 0.0) == FIRST_DELAY / 2
    assert reconnect_delay(1, 1.0) == 2 * FIRST_DELAY
    assert MAX_DELAY / 2 <= reconnect_delay(1000, 0.0) <= reconnect_delay(1000, 1.0) == MAX_DELAY


def test_acknowledgements_are_told_once_and_in_few_frames() -> None:
    """All up to the first unsettled tag in one frame; the rest after one more flush, singly."""
    acks = PendingAcks()
    for tag in (1, 2, 4, 5):
        acks.ack(tag)
    assert acks.flush() == (2, [])
    assert len(acks) == 2
    acks.ack(7)
    assert acks.flush() == (None, [4, 5])
    acks.rejected(3)
    acks.ack(6)
    assert acks.flush() == (7, [])
    assert acks.flush() == (None, [])
    assert len(acks) == 0


def test_our_heartbeat_is_used_unless_the_url_names_its_own() -> None:
    """So a dead peer is noticed within half a minute."""
    for given, dialled in (
        (
            "amqps://u:p%2F%40@h/v%2Fw?cafile=%2Fx",
            "amqps://u:p%2F%40@h/v%2Fw?cafile=/x&heartbeat=10",
        ),
        ("amqp://h/?heartbeat=3", "amqp://h/?heartbeat=3"),
    ):
        assert str(wire.with_heartbeat(given)) == dialled
