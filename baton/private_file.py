"""Private files can be read by their owner alone: SQLite holds what people typed and servers
answered."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def make_private(path: Path) -> None:
    """Make the file at `path` if it is missing, and let nobody but its owner read it.

    The same holds for what SQLite keeps beside it; new files of those get the mode of the file.
    Raises OSError if it cannot be made; the mode of another user's file is left alone.
    """
    with contextlib.suppress(FileExistsError):
        # One that is there is not opened: to close it would let go of SQLite's locks on it, which
        # belong to the whole process (sqlite.org/howtocorrupt.html, 2.2).
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    for file in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            if file.stat().st_mode & 0o077:
                file.chmod(0o600)
