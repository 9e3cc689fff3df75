"""An agent adopts the processes that its programs leave behind: PR_SET_CHILD_SUBREAPER in prctl(2).

A process whose parent has ended becomes a child of the agent instead of init, so that it is found
whatever it did to its session and its environment. In return the agent must wait for what it
adopted, or that would stay as a zombie.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from contextlib import suppress

import structlog

from baton.process.leftovers import AGENT, DIRECT, KNOWN, children, mark_of, stat_of

SET_CHILD_SUBREAPER = 36
LATER = 60.0
"""Seconds after which the end is heard of what may be a child that an extension started itself, in
a session of its own, and will ask about."""

log = structlog.get_logger(__name__)


class OrphanReaper:
    """The reaper adopts orphans from `start` on, for as long as this process lives."""

    def __init__(self) -> None:
        self._own_session = os.getsid(0)

    def start(self) -> None:
        """Adopt orphans; call it in the main thread, in the loop that runs programs.

        Where the system cannot do that, they go to init as usual.
        """
        try:
            done = _prctl(SET_CHILD_SUBREAPER, 1)
        except (OSError, AttributeError) as error:
            log.warning("the agent cannot adopt orphaned processes", reason=str(error))
            return
        if done == 0:
            os.environ[AGENT] = str(os.getpid())
            asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._look)

    def _look(self) -> None:
        """Wait for the children that have ended and that nobody else waits for."""
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


def _prctl(*words: object) -> int:
    return int(ctypes.CDLL(None, use_errno=True).prctl(*words, 0, 0, 0))
