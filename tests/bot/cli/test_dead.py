"""Dead letters, as `baton dead` shows them and sends them again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

from baton.bus.api import API
from baton.bus.channel import Delivery, Envelope
from baton.bus.connect import connect
from baton.bus.dead_letters import DeadLetter, read_letter, why_not_resent
from baton.bus.exchanges import DEAD, HEARTBEAT_QUEUE, INPUT, OUTPUT, agent_queue, host_key
from baton.bus.messages import Heartbeat, Person, Request, encode, now
from baton.server import Server
from tests.bot.cli.program import ran
from tests.support.wait import until


async def test_dead_letters(amqp_url: str) -> None:
    """Dead letters are listed and stay; one that is sent again goes where it was bound for."""
    channel = await connect(amqp_url, owner=True)
    await channel.wait_up()
    letter = Request(
        id="r1",
        job="j1",
        command="ping",
        environment="prod",
        host="web-1",
        deadline=now() + timedelta(minutes=5),
        requester=Person(id="U_ANN"),
    )
    headers = {"baton-reason": "nobody knows why", "baton-key": host_key("web-1")}
    envelope = Envelope(encode(letter), "r1", letter.type, "j1", headers=headers)
    await channel.publish(DEAD, "x", envelope)
    other = Envelope(b"not JSON", "r2", "?", headers={"baton-reason": "it is not JSON"})
    await channel.publish(DEAD, "y", other)
    for _ in range(2):
        code, out, err = await ran("dead", "list", BATON_BUS_URL=amqp_url)
        assert (code, err) == (0, "")
        first = "r1  baton.request of job j1, for host.web-1, from an unknown sender"
        assert out.index(first) < out.index("r2  ?")
        assert "nobody knows why" in out
    code, out, err = await ran("dead", "list", "--most", "1", BATON_BUS_URL=amqp_url)
    assert "r2" not in out
    assert err == "These are the oldest 1 of 2. To read more, give --most NUMBER.\n"
    code, _, err = await ran("dead", "resend", "r1", BATON_BUS_URL=amqp_url)
    assert code == 1
    assert "not sent: r1: Nobody is listening" in err
    await channel.declare(agent_queue("web-1"), [(INPUT, host_key("web-1"))])
    code, out, err = await ran("dead", "resend", "r1", "r9", BATON_BUS_URL=amqp_url)
    assert (code, out) == (1, "sent again: r1  baton.request, to host.web-1\n")
    assert err == "unknown ID: r9\n"
    came: list[Delivery] = []

    async def take(delivery: Delivery) -> None:
        await delivery.ack()
        came.append(delivery)

    await channel.consume(agent_queue("web-1"), take)
    await until(lambda: came)
    assert came[0].envelope.id == "r1"
    assert "baton-reason" not in came[0].envelope.headers
    code, out, _ = await ran("dead", "list", BATON_BUS_URL=amqp_url)
    assert "r2" in out
    assert "r1" not in out
    await channel.close()


async def test_dead_letters_of_agents(amqp_url: str) -> None:
    """What an agent said and nobody took goes back to the output exchange."""
    channel = await connect(amqp_url, owner=True)
    await channel.wait_up()
    await channel.declare(HEARTBEAT_QUEUE, [(OUTPUT, "heartbeat.#")])
    beat = Heartbeat(id="h1", facts=Server(environment="prod", fqdn="web-1").facts(), interval=5)
    await API(channel).publish(DEAD, "heartbeat.prod.web-1", beat)
    code, out, err = await ran("dead", "resend", "--all", BATON_BUS_URL=amqp_url)
    assert (code, err) == (0, "")
    assert "sent again: h1" in out
    assert await channel.depth(HEARTBEAT_QUEUE) == 1
    await channel.close()


async def _dead(bus: str, *letters: tuple[Request, Mapping[str, str]]) -> None:
    channel = await connect(bus, owner=True)
    await channel.wait_up()
    await channel.declare(agent_queue("web-1"), [(INPUT, host_key("web-1"))])
    for one, headers in letters:
        envelope = Envelope(encode(one), one.id, one.type, one.job, headers=headers)
        await channel.publish(DEAD, host_key("web-1"), envelope)
    await channel.close()


def _asked(name: str, seconds: float = 300.0) -> Request:
    return Request(
        id=name,
        job="j1",
        command="deploy",
        arguments={"app": "shop", "environment": "prod"},
        environment="prod",
        host="web-1",
        deadline=now() + timedelta(seconds=seconds),
        requester=Person(id="U_ANN"),
    )


async def test_an_order_is_no_part_of_all(amqp_url: str) -> None:
    """--all sends no request that is not proven to be the bot's own, and its own only if agreed
    to; whoever wrote the others, they are named with whom they would ask what."""
    said = {"baton-reason": "x", "baton-user": "baton"}
    forged = {"baton-reason": "x", "baton-user": "agent.web-2"}
    await _dead(amqp_url, (_asked("r1"), said), (_asked("r2"), forged), (_asked("r3"), {}))
    code, out, _ = await ran("dead", "list", BATON_BUS_URL=amqp_url)
    assert "r2  baton.request of job j1, for host.web-1, from agent.web-2" in out
    code, out, err = await ran("dead", "resend", "--all", BATON_BUS_URL=amqp_url)
    assert code == 1  # nobody is there to agree
    assert "Send again to web-1: deploy app=shop environment=prod, for U_ANN" in out
    code, out, err = await ran("dead", "resend", "--all", "--yes", BATON_BUS_URL=amqp_url)
    assert code == 1
    assert [line.split()[2] for line in out.splitlines()] == ["r1", "r3"]
    assert "not sent: r2: it is a request to servers, and RabbitMQ does not confirm" in err
    code, out, err = await ran("dead", "resend", "r2", BATON_BUS_URL=amqp_url)
    assert (code, err) == (0, "")


async def test_what_is_too_late_stays_dead(amqp_url: str) -> None:
    """A request past its deadline is not sent again, by its id or with all; the rest is."""
    beat = Heartbeat(id="h1", facts=Server(environment="prod", fqdn="web-1").facts(), interval=5)
    await _dead(amqp_url, (_asked("old", -1.0), {}))
    channel = await connect(amqp_url, owner=True)
    await channel.wait_up()
    await channel.declare(HEARTBEAT_QUEUE, [(OUTPUT, "heartbeat.#")])
    await channel.publish(DEAD, "alert.x", Envelope(b"not JSON", "bad", "?"))
    await API(channel).publish(DEAD, "heartbeat.prod.web-1", beat)
    out = ""
    for words in (("old",), ("--all", "--yes")):
        code, out, err = await ran("dead", "resend", *words, BATON_BUS_URL=amqp_url)
        assert code == 1
        assert "not sent: old: its deadline was" in err
    assert "sent again: h1" in out
    assert await channel.depth(agent_queue("web-1")) == 0
    await channel.close()


def test_a_letter_of_an_agent_proves_nothing_of_others() -> None:
    """That something is from the bot, only the bot or RabbitMQ itself can say; and an ID that two
    letters have picks none that is not proven."""
    body = encode(_asked("r1"))

    def read(account: str, **headers: str) -> DeadLetter:
        named = {f"baton-{name}": value for name, value in headers.items()}
        envelope = Envelope(body, "r1", headers=named, user=account)
        return read_letter(cast("Delivery", SimpleNamespace(key="k", envelope=envelope)), "bot")

    assert read("bot").ours
    assert read("bot", reason="x", user="bot").ours
    for other in (
        read("agent.web-1"),
        read(""),
        read("agent.web-1", reason="x", user="bot"),
        read("", reason="x", user="bot"),
        read("bot", reason="x", user="agent.web-1"),
        read("bot", reason="x"),
    ):
        assert not other.ours
        assert why_not_resent(other, (), (), now())
        assert not why_not_resent(other, ["r1"], (), now())
        assert why_not_resent(other, ["r1"], ["r1"], now())
    assert read("agent.web-1", reason="x", user="bot").sender == "bot (claims agent.web-1)"


async def test_dead_without_a_bus() -> None:
    """A bus that does not answer is said to be so, in one line."""
    soon = "import baton.bus.dead_letters as letters; letters.CONNECT_TIMEOUT = 0.5"
    code, _, err = await ran("dead", "list", before=soon, BATON_BUS_URL="amqp://127.0.0.1:1/")
    assert code == 2
    assert "No connection to RabbitMQ" in err
    assert err.count("\n") == 1


async def test_resend_needs_to_know_which() -> None:
    """Neither ids nor --all, or both: nothing is sent."""
    code, _, err = await ran("dead", "resend", BATON_BUS_URL="memory://x")
    assert code == 2
    assert "--all" in err


async def test_a_dead_letter_obeys_nobody() -> None:
    """Two lines, whatever its sender wrote: no escape sequence and no forged line."""
    nasty = "a\x1b]0;title\x07b\r\nok    bus   all is well\u202e\x9b31m"
    delivery = SimpleNamespace(
        key=nasty,
        envelope=Envelope(
            b"", id=nasty, type=nasty, correlation=nasty, headers={"baton-reason": nasty * 1000}
        ),
    )
    lines = str(read_letter(cast("Delivery", delivery))).split("\n")
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("ok") for line in lines)
    assert len(lines[1]) < 600
