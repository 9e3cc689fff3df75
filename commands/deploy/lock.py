"""The lock allows one deploy at a time for each app on a host, and knows what an interrupted one
left.

It is flock(2) on a file in the app's folder: it holds between agents as within one, and the kernel
releases it when its holder dies. While it is held the file says who holds it and what is being
made; what it says when nobody holds it was interrupted.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from baton.errors import Refused
from baton.process.leftovers import Running, Trail

FILE = "deploy.lock"


@dataclass(frozen=True, slots=True)
class LockNote:
    """A note describes the deploy in progress.

    `group` is the process group of the program that runs; `born` tells it from a later one of the
    same id; everything that the program has started carries the `mark`. `left` is what runs of an
    earlier deploy and could not be ended.
    """

    job: str = ""
    requester: str = ""
    what: str = ""
    since: str = ""
    release: str = ""
    group: int = 0
    born: str = ""
    mark: str = ""
    left: tuple[Running, ...] = ()

    def trail(self) -> Trail | None:
        """Return what the program in progress has started; None if there was none."""
        if not self.mark:
            return None
        return Trail(self.mark, [(self.group, self.born)] if self.group else [])

    def __str__(self) -> str:
        who = f", requested by {self.requester}" if self.requester else ""
        return f"{self.what or 'a deploy'} (job {self.job or 'unknown'}{who}, since {self.since})"


class DeployLock:
    """The lock of a deploy is held for as long as the deploy runs."""

    def __init__(self, descriptor: int, note: LockNote, left: LockNote | None) -> None:
        self._descriptor = descriptor
        self._note = note if left is None else replace(note, left=left.left)
        self.left = left
        """What an interrupted deploy has noted, if there was one."""
        self.note()

    def note(self, **changes: Any) -> None:
        """Write down what is being made now."""
        self._note = replace(self._note, **changes)
        text = json.dumps(asdict(self._note)).encode()
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))

    def close(self) -> None:
        """Release the lock. What is still noted, a release or what runs, is left for the next
        deploy."""
        try:
            if not self._note.release and not self._note.left:
                os.ftruncate(self._descriptor, 0)
        finally:
            os.close(self._descriptor)


@contextmanager
def deploy_lock(path: Path, note: LockNote) -> Iterator[DeployLock]:
    """Hold the lock of the app in `path`. Raises Refused with the deploy in progress, if there is
    one."""
    descriptor = os.open(path / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock = DeployLock(descriptor, note, _read(descriptor))
    except BlockingIOError:
        other = _read(descriptor) or LockNote()
        os.close(descriptor)
        raise Refused(f"One deploy at a time: {other} is already running on this server.") from None
    except BaseException:
        os.close(descriptor)
        raise
    try:
        yield lock
    finally:
        lock.close()


def _read(descriptor: int) -> LockNote | None:
    try:
        held = json.loads(os.pread(descriptor, 65_536, 0))
        left = tuple(Running(**one) for one in held.pop("left", ()))
        return LockNote(
            **{name: held[name] for name in LockNote.__slots__ if name in held}, left=left
        )
    except (ValueError, TypeError, AttributeError):
        return None
