"""Connections: who we are, TLS, refusals, and a peer that says nothing."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from baton.bus.amqp import channel as channel_module
from baton.bus.amqp import connection as connection_module
from baton.bus.amqp import session
from baton.bus.amqp.connection import quietly
from baton.bus.channel import Delivery, Link
from baton.bus.exchanges import Queue
from baton.errors import Disconnected, Unconfirmed
from baton.version import baton_version
from tests.baton.bus.amqp.inbox import Opener, inbox_of, send
from tests.support.broker import Broker
from tests.support.ports import free_port
from tests.support.relay import Relay, self_signed
from tests.support.wait import until


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


async def test_looking_leaves_nothing_behind(
    broker: Broker, amqp_url: str, open_channel: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often the watchdog looks, at a queue that is refused too, the connection does not
    grow."""
    looks = 0

    class Counted(session.Session):
        async def ensure_exchanges(self) -> None:
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


async def test_what_closes_is_not_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends before whoever waits for it, although it does not heed the first cancellation: one
    that was left alone kept a process from ending."""
    monkeypatch.setattr(connection_module, "CANCEL_INTERVAL", 0.01)
    ended = asyncio.Event()

    async def stubborn() -> None:
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            await asyncio.Event().wait()
        finally:
            ended.set()

    closing = asyncio.create_task(quietly(stubborn))
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert ended.is_set()
