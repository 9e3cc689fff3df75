"""An agent takes in what its programs leave behind: see PR_SET_CHILD_SUBREAPER in prctl(2).

A process whose parent has ended becomes a child of the agent and not of init, so that whoever looks
for what a run has left running finds it, whatever it did to its session and its environment. In
return the agent must hear of the end of what it took in, or it would stay as a zombie.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from contextlib import suppress

import structlog

from commands.process.leftovers import AGENT, DIRECT, KNOWN, children, mark_of, stat_of

SET_CHILD_SUBREAPER, GET_CHILD_SUBREAPER = 36, 37
LATER = 60.0
"""Seconds after which the end is heard of what may be a child that an extension started itself, in
a session of its own, and will ask about."""

log = structlog.get_logger(__name__)


class OrphanReaper:
    """Takes in orphans from `start` on, for as long as this process lives."""

    def __init__(self) -> None:
        self._own_session = os.getsid(0)

    def start(self) -> None:
        """Take in orphans; to be called in the main thread, in the loop that runs programs. Where
        the system has no such thing they go to init, as ever."""
        try:
            done = _prctl(SET_CHILD_SUBREAPER, 1)
        except (OSError, AttributeError) as error:
            log.warning("the agent cannot adopt orphaned processes", reason=str(error))
            return
        if done == 0:
            os.environ[AGENT] = str(os.getpid())
            asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._look)

    def _look(self) -> None:
        """A child has ended: hear of those that nobody else waits for."""
        for pid in children():
            stat = stat_of(pid)
            if stat is None or pid in DIRECT or stat.session == self._own_session:
                continue  # whoever started it waits for it
            if stat.state != "Z":
                if mark_of(pid):
                    KNOWN.add((pid, stat.born))
            elif stat.session != pid or (pid, stat.born) in KNOWN:
                self._reap(pid, stat.born)
            else:
                asyncio.get_running_loop().call_later(LATER, self._reap, pid, stat.born)

    def _reap(self, pid: int, born: str) -> None:
        KNOWN.discard((pid, born))
        stat = stat_of(pid)
        if stat is not None and (stat.born, stat.state) == (born, "Z"):
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def is_subreaper() -> bool:
    """Whether this process takes in orphans."""
    found = ctypes.c_int()
    try:
        return _prctl(GET_CHILD_SUBREAPER, ctypes.byref(found)) == 0 and bool(found.value)
    except (OSError, AttributeError):
        return False


def _prctl(*words: object) -> int:
    return int(ctypes.CDLL(None, use_errno=True).prctl(*words, 0, 0, 0))
