"""Checks of the bus, and of who is on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from baton.bus.api import API
from baton.bus.channel import BOT_FIRST, Channel, Delivery
from baton.bus.connect import connect, link_comes_up
from baton.bus.exchanges import DEAD_QUEUE, DISCOVER, FORMER_QUEUES, INPUT, OUTPUT, Queue
from baton.bus.facts import Facts
from baton.bus.messages import Discover, Heartbeat, decode, new_id, now
from baton.bus.urls import option_of
from baton.errors import BatonError, BusRefused, InvalidMessage, QueueMismatch, Unroutable
from baton.timing.waiting import wait_at_most
from bot.doctor.check_result import CheckResult, clocks, fail, note, ok, warn

CONNECT_TIMEOUT = 5.0
HEARTBEAT_TIMEOUT = 20.0
"""Seconds to wait for a first heartbeat: more than the interval of an agent's."""
WAITING = note("wait", f"for heartbeats of agents, {HEARTBEAT_TIMEOUT:g} s at most")
QUIET_TIME = 2.0
"""Seconds without a new agent after which the check stops waiting."""
MAX_CLOCK_SKEW = 2.0
"""Seconds by which an agent's clock may differ."""


@asynccontextmanager
async def bus(urls: Sequence[str]) -> AsyncIterator[tuple[Channel | None, CheckResult]]:
    """Yield the channel to the bus at `urls` (None if it does not answer), and the result."""
    try:
        channel = await connect(urls, name="baton doctor")
    except BatonError as error:
        yield None, fail("bus", error)
        return
    try:
        if await link_comes_up(channel, CONNECT_TIMEOUT):
            yield channel, _connected(channel, urls)
        elif channel.refusal is not None:
            yield None, fail("bus", channel.refusal)
        else:
            text = f"{channel.url} cannot be reached: {channel.link_reason}"
            fix = channel.link_fix or "start RabbitMQ, or correct [bus] url (BATON_BUS_URL)."
            # an agent that is set up before any bot is no failure
            yield None, (warn if fix == BOT_FIRST else fail)("bus", text, fix)
    finally:
        await channel.close()


def _connected(channel: Channel, urls: Sequence[str]) -> CheckResult:
    text = f"{channel.broker} at {channel.url}"
    if any(option_of(url, "no_verify_ssl") == "1" for url in urls):
        return note(
            "bus",
            f"{text}; its certificate is not verified (no_verify_ssl=1)",
            "use ?cafile=/path/to/ca.pem instead.",
        )
    return ok("bus", text)


@dataclass(frozen=True, slots=True)
class Needs:
    """The permissions that an account needs: for queues, each with its bindings (exchange, key),
    and for publishing to an exchange under a key. `who` creates the queues."""

    who: str
    queues: Sequence[tuple[Queue, Sequence[tuple[str, str]]]] = ()
    publishes: Sequence[tuple[str, str]] = ()


async def rights(channel: Channel, needs: Needs) -> list[CheckResult]:
    """Check the permissions of this account, and how many messages wait in each queue. Nothing is
    created and nothing is published."""
    found: list[CheckResult] = []
    refused: list[BusRefused] = []
    for queue, bindings in needs.queues:
        missing = await channel.missing_rights(queue, bindings)
        refused += missing
        depth = await channel.depth(queue)
        if missing:
            found.append(fail("rights", missing[0]))
        elif depth is None:
            found.append(
                note("queue", f"{queue.name} does not exist yet", f"{needs.who} creates it.")
            )
        else:
            found.append(ok("queue", f"{queue.name}: messages waiting: {depth}"))
    without = [finding for finding in found if finding.what == "rights"]
    if needs.queues and len(without) == len(needs.queues) and not _mismatched(refused):
        # an administrator who checks with an account of their own has none of them, and need not
        text = (
            f"this account has no permission for any queue of {needs.who}. It is enough for these "
            f"checks, but not to run {needs.who} ({refused[0].facts['reason']})"
        )
        return [
            note("rights", text, f"README.md, “RabbitMQ”, lists the permissions of {needs.who}.")
        ]
    for exchange, key in needs.publishes:
        error = await channel.may_not_publish(exchange, key)
        if error is not None:
            found.append(fail("rights", error))
    return found


def _mismatched(refused: Iterable[BusRefused]) -> bool:
    return any(isinstance(one, QueueMismatch) for one in refused)


async def leftovers(channel: Channel) -> list[CheckResult]:
    """Check for dead letters, and for queues of earlier versions."""
    found: list[CheckResult] = []
    dead = await channel.depth(DEAD_QUEUE)
    if dead:
        found.append(
            note(
                "queue",
                f"dead: {dead} message{'s' * (dead > 1)} could not be processed",
                "see baton dead list.",
            )
        )
    for name in FORMER_QUEUES:
        depth = await channel.depth(Queue(name))
        if depth is not None:
            text = f"{name}: a queue of an earlier version; nothing consumes it (messages: {depth})"
            found.append(note("queue", text, f"delete it: rabbitmqctl delete_queue {name}."))
    return found


async def agents(
    channel: Channel,
    this: str = "",
    heard_within: float | None = None,
    facts: dict[str, Facts] | None = None,
) -> list[CheckResult]:
    """Check which agents send heartbeats, and whether their clocks agree with ours. `this` is a
    server that should be among them; `facts` is filled with what each says, by its name. That none
    runs yet is a warning and no failure: people run doctor before the first start. They are waited
    for HEARTBEAT_TIMEOUT seconds unless `heard_within` is given."""
    heard_within = HEARTBEAT_TIMEOUT if heard_within is None else heard_within
    heard: dict[str, float] = {}
    facts = {} if facts is None else facts
    some = asyncio.Event()

    async def take(delivery: Delivery) -> None:
        await delivery.ack()
        try:
            beat = decode(delivery.envelope.body)
        except InvalidMessage:
            return
        if isinstance(beat, Heartbeat) and not beat.leaving and beat.facts.host not in heard:
            heard[beat.facts.host] = (beat.time - now()).total_seconds()
            facts[beat.facts.host] = beat.facts
            some.set()

    # Named so that a broker user who may only use the bot's own queues may use this one.
    queue = Queue(f"bot.doctor.{new_id()}", expires=60.0, ttl=60.0, dead_letter="", optional=True)
    await channel.declare(queue, [(OUTPUT, "heartbeat.#")])
    if queue.name in channel.lacking:
        text = "this account has no permission to receive heartbeats, and an agent's needs none"
        return [
            note(
                "agents",
                text,
                "/servers in chat lists the servers whose heartbeats the bot receives.",
            )
        ]
    subscription = await channel.consume(queue, take)
    try:
        await _ask_who_is_there(channel)
        await _until_quiet(some, heard_within)
    finally:
        await subscription.cancel()
    return _agents_found(heard, this, heard_within)


async def _ask_who_is_there(channel: Channel) -> None:
    if await channel.may_not_publish(INPUT, DISCOVER) is not None:
        return  # they send heartbeats by themselves, too
    try:
        await API(channel).publish(
            INPUT, DISCOVER, Discover(source="doctor"), mandatory=True, timeout=5.0
        )
    except Unroutable:
        return  # no agent has an inbox on this bus: the silence that follows says so


async def _until_quiet(some: asyncio.Event, within: float) -> None:
    wait = within
    while True:
        some.clear()
        if not await wait_at_most(wait, some.wait()):
            return
        wait = QUIET_TIME


def _agents_found(heard: dict[str, float], this: str, within: float) -> list[CheckResult]:
    start = "start it: baton agent --config FILE."
    if not heard:
        who = f"{this} did not respond" if this else "no agent responded"
        return [warn("agents", f"{who} within {within:g} s: not running yet?", start)]
    names = sorted(heard)
    shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    found = [ok("agents", f"{len(names)} responded: {shown}")]
    if this and this not in heard:
        found.append(warn("agents", f"{this} (this server) is not among them", start))
    others = {name: skew for name, skew in heard.items() if name != this}
    if others or not this:
        found.append(clocks(others, MAX_CLOCK_SKEW))
    return found
