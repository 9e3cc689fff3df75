"""Some lines of a log, wherever in it: the whole log can be read by them, in both directions."""

from __future__ import annotations

import random

import pytest

from baton.bus.messages import State
from bot.jobs import NewJob
from bot.store import Store
from bot.store.output.log_lines import LogLine
from bot.store.output.log_window import LineName, LogView, LogWindow, Side
from tests.bot.store.build import asked, deploy, later, update

HOSTS = ("web-1", "web-2", "web-3")


async def _talk(store: Store) -> tuple[NewJob, list[LineName]]:
    """Servers that say lines, some at the same time; and those lines in the order of the log."""
    new = await asked(store, deploy(*HOSTS))
    chance, lines, said = random.Random(5), [], dict.fromkeys(HOSTS, 0)
    for sequence in range(1, 60):
        messages = []
        for host in sorted(chance.sample(HOSTS, chance.randint(1, 3))):
            count = chance.choice([1, 1, 3])
            names = [LineName(host, 1, said[host] + at + 1) for at in range(count)]
            said[host] += count
            lines += names
            text = "\n".join(f"{name.host} {name.number}" for name in names)
            step = "build" if sequence < 30 else "switch"
            messages.append(
                update(new, host, sequence, State.RUNNING, level="log", text=text, step=step)
            )
        await store.ledger.apply_updates(messages, later(sequence))
    return new, lines


async def _window(
    store: Store, new: NewJob, view: LogView, count: int, *where: object
) -> LogWindow:
    window = await store.ledger.window(new.job.id, view, count, *where)  # type: ignore[arg-type]
    assert window is not None
    assert [line.text for line in window.lines] == [
        f"{line.host} {line.number}" for line in window.lines
    ]
    return window


def _name(line: LogLine) -> LineName:
    return LineName(line.host, line.attempt, line.number)


def _names(window: LogWindow) -> list[LineName]:
    return [_name(line) for line in window.lines]


@pytest.mark.parametrize("host", ["", "web-2"])
@pytest.mark.parametrize("count", [1, 7, 500])
async def test_the_log_is_read_line_by_line_in_both_directions(
    store: Store, host: str, count: int
) -> None:
    """Window by window, each line comes once and in its place, wherever a window was cut."""
    new, lines = await _talk(store)
    wanted = [line for line in lines if not host or line.host == host]
    view = LogView(host=host)
    window = await _window(store, new, view, count)
    back = _names(window)
    while window.more:
        window = await _window(store, new, view, count, Side.BEFORE, back[0])
        back = _names(window) + back
    assert back == wanted
    window = await _window(store, new, view, count, Side.FROM, wanted[0])
    forth = _names(window)
    while window.more:
        window = await _window(store, new, view, count, Side.AFTER, forth[-1])
        forth += _names(window)
    assert forth == wanted
    sizes = {seen.run.host: seen.lines for seen in window.runs}
    assert sizes == {name: sum(line.host == name for line in lines) for name in HOSTS}


async def test_only_what_is_looked_at_is_in_it(store: Store) -> None:
    """Of a step, until a moment, beside a line that is not shown itself or does not exist."""
    new, lines = await _talk(store)
    whole = {_name(line): line for line in (await _window(store, new, LogView(), 500)).lines}
    built = [name for name in lines if whole[name].step == "build"]
    assert _names(await _window(store, new, LogView(step="build"), 500)) == built
    assert (
        _names(await _window(store, new, LogView(step="build"), 5, Side.BEFORE, lines[-1]))
        == (built[-5:])
    )
    then = [name for name in lines if whole[name].time <= later(10)]
    assert _names(await _window(store, new, LogView(until=later(10)), 500)) == then
    last = [name for name in lines if name.host == "web-1"][-1]
    beyond = last._replace(number=10_000)
    view = LogView(host="web-1")
    assert _names(await _window(store, new, view, 1, Side.BEFORE, beyond)) == [last]
    assert not (await _window(store, new, view, 1, Side.FROM, beyond)).lines
    assert await store.ledger.window("nobody", LogView(), 5) is None
