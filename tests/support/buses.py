"""Both buses behind one face, so that one suite of tests can hold them to the same contract."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import aiormq
from aiormq.abc import AbstractChannel

from baton.bus.amqp import AmqpChannel
from baton.bus.channel import Channel
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from tests.support.broker import Broker


class Bus(Protocol):
    """A bus of the test's own."""

    async def open(self, name: str = "test", *, up: bool = True) -> Channel:
        """A new channel, with its link up unless that is not wanted."""

    async def cut(self, channel: Channel) -> None:
        """Break the connections of `channel`, from outside."""

    async def block(self, on: bool) -> None:
        """Let the bus run low on memory, or recover."""

    async def deny(self, *names: str) -> None:
        """Take the rights to queues and exchanges `names` away from everybody; with none, give all
        back."""

    async def unbind(self, queue: str, exchange: str, key: str) -> None:
        """Take a binding away, as an operator might."""

    async def delete_exchange(self, name: str) -> None:
        """Delete an exchange with its bindings, as an operator might."""

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass, where time is simulated."""

    async def close(self) -> None:
        """Close every channel that was opened."""


@dataclass(eq=False)
class _Alarm:
    callback: Callable[[], object]
    live: bool = True

    def cancel(self) -> None:
        self.live = False


@dataclass
class SimulatedTime:
    """Timers that fire when `advance` says so."""

    now: float = 0.0
    _count: itertools.count[int] = field(default_factory=itertools.count)
    _alarms: list[tuple[float, int, _Alarm]] = field(default_factory=list)

    def later(self, seconds: float, callback: Callable[[], object]) -> _Alarm:
        """Call back once `seconds` have passed."""
        alarm = _Alarm(callback)
        heapq.heappush(self._alarms, (self.now + seconds, next(self._count), alarm))
        return alarm

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        end = self.now + seconds
        while self._alarms and self._alarms[0][0] <= end:
            self.now, _, alarm = heapq.heappop(self._alarms)
            if alarm.live:
                alarm.callback()
        self.now = end


class InMemory:
    """`memory://`, with simulated time."""

    def __init__(self) -> None:
        self.time = SimulatedTime()
        self.bus = MemoryBus("test", later=self.time.later)
        self.denied: tuple[str, ...] = ()
        self._channels: list[MemoryChannel] = []

    async def open(self, name: str = "test", *, up: bool = True) -> MemoryChannel:
        channel = MemoryChannel("memory://baton@test", on=self.bus)
        self._channels.append(channel)
        return channel

    async def cut(self, channel: Channel) -> None:
        assert isinstance(channel, MemoryChannel)
        channel.drop()

    async def block(self, on: bool) -> None:
        if on:
            self.bus.block()
        else:
            self.bus.up()

    async def deny(self, *names: str) -> None:
        self.bus.allow(*self.denied)
        self.denied = names
        self.bus.deny(*names)

    async def unbind(self, queue: str, exchange: str, key: str) -> None:
        self.bus.unbind(queue, exchange, key)

    async def delete_exchange(self, name: str) -> None:
        self.bus.delete_exchange(name)

    async def advance(self, seconds: float) -> None:
        self.time.advance(seconds)

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()


class OverRabbit:
    """RabbitMQ, in a virtual host of the test's own."""

    def __init__(self, broker: Broker, url: str) -> None:
        self._broker = broker
        self._url = url
        self._names: dict[int, str] = {}
        self._channels: list[AmqpChannel] = []

    async def open(self, name: str = "test", *, up: bool = True) -> AmqpChannel:
        name = f"{name} {len(self._channels)} {self._url.rpartition('/')[2]}"
        channel = await AmqpChannel.open(
            [self._url], name=name, watch_every=0.3, owner=True, worker=True
        )
        self._names[id(channel)] = name
        self._channels.append(channel)
        if up:
            await asyncio.wait_for(channel.wait_up(), 60)
        return channel

    async def cut(self, channel: Channel) -> None:
        await asyncio.to_thread(cut_connections, self._broker, self._names[id(channel)])

    async def block(self, on: bool) -> None:
        await self._broker.memory_alarm(on)

    async def deny(self, *names: str) -> None:
        pattern = "^(?!(" + "|".join(map(re.escape, names)) + ")$)" if names else ".*"
        await asyncio.to_thread(self._broker.grant, self._url, pattern, pattern, pattern)

    async def unbind(self, queue: str, exchange: str, key: str) -> None:
        await self._change(lambda channel: channel.queue_unbind(queue, exchange, key))

    async def delete_exchange(self, name: str) -> None:
        await self._change(lambda channel: channel.exchange_delete(name))

    async def _change(self, work: Callable[[AbstractChannel], Awaitable[object]]) -> None:
        connection = await aiormq.connect(self._url)
        await work(await connection.channel())
        await connection.close()

    async def advance(self, seconds: float) -> None:
        """Real time passes by itself."""

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()


def cut_connections(broker: Broker, name: str) -> None:
    """Let `broker` close the connections whose name begins with `name`."""
    broker.eval(
        # one that ends by itself meanwhile, or has no name yet, is none of ours to complain of
        f"""[catch rabbit_networking:close_connection(P, "cut by the test")
            || P <- rabbit_networking:connections(),
               [{{_, C}}] <- [catch rabbit_networking:connection_info(P, [client_properties])],
               is_list(C),
               {{_, _, N}} <- [lists:keyfind(<<"connection_name">>, 1, C)],
               string:prefix(N, <<"{name}">>) =/= nomatch]."""
    )
