"""Where the tests keep what they write: in memory if there is much room, else where it is usual."""

from __future__ import annotations

import os

MEMORY = "/dev/shm"
ROOM = 4 * 2**30
"""Bytes that must be free there: a container has 64 MB, unless it is told otherwise."""


def keep_in_memory() -> None:
    """Let temporary files be in memory, here and in all that is started from here.

    The databases and journals of some thousand tests are gigabytes that nobody reads again, and
    writing them to a disk takes a fifth of the time. Whoever has set TMPDIR keeps it.
    """
    if "TMPDIR" in os.environ or not _has_room():
        return
    os.environ["TMPDIR"] = MEMORY


def _has_room() -> bool:
    """Is there a folder in memory with room, from which scripts may be started?"""
    try:
        found = os.statvfs(MEMORY)
    except OSError:
        return False
    free = found.f_bavail * found.f_frsize
    return (
        free >= ROOM
        and not found.f_flag & (os.ST_NOEXEC | os.ST_RDONLY)
        and os.access(MEMORY, os.W_OK)
    )
