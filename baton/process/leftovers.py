"""Finds the processes that a program left running.

A program and all that it starts carry a mark in their environment; they are also known by their
process group and session, and by whose children they are. So a process that has left its group
(setsid, a daemon, a client that went to the background) is found, and that nothing is left is seen
and not believed. See proc(5): /proc/PID/stat, /proc/PID/environ.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import time
import weakref
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "BATON_MARK"
"""The variable that tells what a program has started, though nobody was left to note its id."""
AGENT = "BATON_AGENT"
"""A variable in the environment of an agent itself, which programs are not given."""
DIRECT: set[int] = set()
"""The processes that were started here and are waited for."""
KNOWN: set[tuple[int, str]] = set()
"""Orphans that were taken in, and are known to be of our programs: their ids and births."""
KILLED_WITHIN = 5.0
"""Seconds to wait for what was killed to be gone."""


@dataclass(frozen=True, slots=True)
class Running:
    """A running process is described here. `born` tells it from a later process of the same id."""

    pid: int
    born: str
    name: str
    user: str
    group: int = 0

    @property
    def there(self) -> bool:
        """Return whether it still runs."""
        return birth(self.pid) == self.born

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid}, user {self.user})"


@dataclass(frozen=True, slots=True)
class Stat:
    """The kernel describes a process so.

    `state` is a letter, Z for a process that has ended and whose parent has not waited for it.
    """

    name: str
    state: str
    parent: int
    group: int
    session: int
    born: str


class Trail:
    """A trail knows what one program, or several of one `owner`, have started."""

    def __init__(
        self,
        mark: str,
        groups: Iterable[tuple[int, str]] = (),
        seen: Iterable[Running] = (),
        owner: object = None,
    ) -> None:
        self.mark = mark
        self._groups = dict(groups)
        self._seen = {one.pid: one.born for one in seen}
        self._owner = owner or self
        self._since = 0
        self._alone = True

    def started(self, pid: int) -> None:
        """Record the process of a program: it leads a group and a session of its own."""
        born = self._groups[pid] = birth(pid)
        self._since = self._since or int(born or 0)
        _TRAILS.add(self)
        others = [trail for trail in _TRAILS if trail._owner is not self._owner]
        for trail in (*others, self):
            trail._alone = trail._alone and not others

    @property
    def groups(self) -> set[int]:
        """Return the process groups that its programs lead, or led."""
        return set(self._groups)

    def _pick(self, table: dict[int, Stat], marks: dict[int, str]) -> set[int]:
        """Return the processes of `table` that belong to this trail; those seen once stay known."""
        groups = {
            group
            for group, born in self._groups.items()
            if group not in table or table[group].born == born
        }
        picked = {
            pid
            for pid, stat in table.items()
            if stat.group in groups
            or stat.session in groups
            or (self.mark and marks.get(pid) == self.mark)
            or self._seen.get(pid) == stat.born
            or (self._since and self._alone and self._is_waif(pid, stat, marks))
        }
        children: dict[int, list[int]] = {}
        for pid, stat in table.items():
            children.setdefault(stat.parent, []).append(pid)
        new = list(picked)
        while new:
            for child in children.get(new.pop(), ()):
                if child not in picked:
                    picked.add(child)
                    new.append(child)
        picked.discard(os.getpid())
        # also those whose parent is just ending: they become our children when it has
        KNOWN.update((pid, table[pid].born) for pid in picked if pid not in DIRECT)
        KNOWN.intersection_update((pid, stat.born) for pid, stat in table.items())
        self._seen |= {pid: table[pid].born for pid in picked}
        return picked

    def _is_waif(self, pid: int, stat: Stat, marks: dict[int, str]) -> bool:
        """Whether a process is none that we started and yet our child: a program of ours has left
        it behind, and its environment tells nothing any more. To be asked only if no others have
        run programs meanwhile: it could be theirs."""
        return (
            stat.parent == os.getpid()
            and stat.session != os.getsid(0)
            and int(stat.born) >= self._since
            and pid not in DIRECT
            and not marks.get(pid)
            and _is_ours(pid)
        )


_TRAILS: weakref.WeakSet[Trail] = weakref.WeakSet()
"""Those that are of use to somebody."""


def running(trails: Collection[Trail]) -> list[Running]:
    """Return which processes of `trails` run now. One that has ended and waits for its parent does
    not."""
    if not trails:
        return []
    table = {pid: stat for pid in _pids() if (stat := stat_of(pid)) is not None}
    marks = {pid: mark for pid in table if (mark := mark_of(pid))}
    picked: set[int] = set()
    for trail in trails:
        picked |= trail._pick(table, marks)
    return [
        Running(pid, table[pid].born, table[pid].name, _user(pid), table[pid].group)
        for pid in sorted(picked)
        if table[pid].state not in "ZX"
    ]


async def end(trails: Collection[Trail], grace: float) -> list[Running]:
    """End what runs of `trails`: SIGTERM, and SIGKILL for what is left after `grace` seconds.

    Returns what could not be ended, such as another user's processes. When cancelled it kills at
    once.
    """
    try:
        for number, within in ((signal.SIGTERM, grace), (signal.SIGKILL, KILLED_WITHIN)):
            if not await _signalled(trails, number, within):
                return []
    except BaseException:
        _signal(trails, running(trails), signal.SIGKILL)
        raise
    return await asyncio.to_thread(running, trails)


async def _signalled(trails: Collection[Trail], number: signal.Signals, within: float) -> bool:
    """Send a signal to each process once, also to those that are started meanwhile.

    Returns whether any is left after `within` seconds.
    """
    until = time.monotonic() + within
    told: set[tuple[int, str]] = set()
    pause = 0.005
    while there := await asyncio.to_thread(running, trails):
        new = [one for one in there if (one.pid, one.born) not in told]
        told.update((one.pid, one.born) for one in new)
        _signal(trails, new, number)
        left = until - time.monotonic()
        if left <= 0:
            return True
        # There is nothing to wait on for processes that are not our children: only to look again.
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, 0.2)
    return False


def birth(pid: int) -> str:
    """Return when the process `pid` was started, as the kernel counts it; empty if it does not run.

    This tells a process from a later one of the same id.
    """
    stat = stat_of(pid)
    return "" if stat is None or stat.state in "ZX" else stat.born


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def children() -> list[int]:
    """Return the children of this process, of every thread."""
    found: list[int] = []
    try:
        for place in Path("/proc/self/task").glob("*/children"):
            found += map(int, place.read_text().split())
    except OSError:
        me = os.getpid()
        return [pid for pid in _pids() if (stat := stat_of(pid)) and stat.parent == me]
    return found


def stat_of(pid: int) -> Stat | None:
    """Return what the kernel says about the process `pid`; None if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None  # gone
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    return Stat(
        name=head.partition("(")[2],
        state=fields[0],
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        born=fields[19],
    )


def mark_of(pid: int) -> str:
    """Return the mark in the environment of `pid`; empty if there is none, or it cannot be read."""
    try:
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""  # another user's, or gone
    start = f"{MARK}=".encode()
    return next(
        (word[len(start) :].decode("utf-8", "replace") for word in words if word.startswith(start)),
        "",
    )


def _user(pid: int) -> str:
    try:
        owner = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return "unknown"
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return str(owner)


def _is_ours(pid: int) -> bool:
    """Whether `pid` is our own user's, and was not given the environment of the agent itself, as
    what an extension starts is."""
    try:
        if os.stat(f"/proc/{pid}").st_uid != os.geteuid():
            return False
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return not any(word.startswith(f"{AGENT}=".encode()) for word in words)


def _signal(trails: Collection[Trail], there: Collection[Running], number: signal.Signals) -> None:
    """Send a signal to each of `there`: to a group that is one of ours at once, so that none in it
    sees another end first, and goes on."""
    groups = {one.group for one in there} & {group for trail in trails for group in trail.groups}
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
    for one in there:
        if one.group not in groups and one.there:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(one.pid, number)
