"""A PostgreSQL of our own for one test session: loopback only, and in no hurry to be durable."""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.guard import Guarded
from tests.support.ports import free_port

_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB")
# else one that is killed leaves its shared memory behind, outside of its folder
_TIDY = "dynamic_shared_memory_type=mmap"


class Postgres:
    """PostgreSQL on 127.0.0.1:`port`; `start` it first. Run by root, it is the user `postgres`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="baton-pg-"))
        self.port = free_port()
        self._bin = _programs()
        self._user = "postgres" if os.geteuid() == 0 else None
        self._log = self.folder / "output.log"
        self._data = self.folder / "data"
        self._server: Guarded | None = None
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        initdb = f"{self._bin}/initdb"
        flags = ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
        _run(
            [initdb, "-D", str(self._data), "-U", "baton", *flags],
            user=self._user,
            cwd=self.folder,
        )

    @property
    def running(self) -> bool:
        """Is it there?"""
        return self._server is not None and self._server.running

    async def start(self) -> None:
        """Start it on the same port, with what it held."""
        await asyncio.to_thread(self.start_now)

    async def stop(self) -> None:
        """Stop it; who is connected is thrown out."""
        await asyncio.to_thread(self._end, signal.SIGINT)

    async def kill(self) -> None:
        """End it without a shutdown; it recovers at the next start."""
        await asyncio.to_thread(self._end, signal.SIGQUIT)

    def start_now(self) -> None:
        """`start` for plain functions. Raises RuntimeError, with the log's end, if it fails."""
        if self.running:
            return
        if self._server is not None:
            self._server.end()
        where = ("listen_addresses=127.0.0.1", f"unix_socket_directories={self.folder}")
        options = (*_FAST, _TIDY, *where)
        server = self._server = Guarded(
            [f"{self._bin}/postgres", "-D", str(self._data), "-p", str(self.port)]
            + [word for option in options for word in ("-c", option)],
            log=self._log,
            cwd=self.folder,
            user=self._user,
            remove=self.folder,
        )
        deadline = time.monotonic() + 60
        ready = [f"{self._bin}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode:
            if not server.running or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log()[-4000:]}")
            time.sleep(0.05)

    def close(self) -> None:
        """End it for good, with all its processes and files."""
        if self._server is not None:
            self._server.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, number: int) -> None:
        if self._server is not None:
            self._server.signal(number)

    def database(self, template: str = "template0") -> str:
        """The URL of a new database: empty, or a copy of `template`, which nobody may be using."""
        name = f"t{secrets.token_hex(6)}"
        # written to the log block by block, a copy takes four times the processor time
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return f"postgresql+asyncpg://baton@127.0.0.1:{self.port}/{name}"

    def drop(self, url: str) -> None:
        """Remove the database of `url`; whoever is connected to it is thrown out."""
        self.sql(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What psql prints for `statement`, bare. Raises RuntimeError with PostgreSQL's words."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "baton", "-d", database]
        plain = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        return _run([f"{self._bin}/psql", *plain, *where, "-c", statement])

    def log(self) -> str:
        """What the server has written so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""


def _run(argv: list[str], *, user: str | None = None, cwd: Path | None = None) -> str:
    done = subprocess.run(
        argv,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        user=user,
        group=user,
        extra_groups=() if user else None,
    )
    if done.returncode:
        raise RuntimeError(f"{Path(argv[0]).name} failed: {done.stderr[-2000:]}")
    return done.stdout.strip()


def _programs() -> Path:
    """The folder with the programs of the newest PostgreSQL that is installed."""
    places = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: float(path.parts[-3]),
        reverse=True,
    )
    found = shutil.which("initdb")
    for initdb in [*places, *([Path(found)] if found else [])]:
        return initdb.resolve().parent
    raise RuntimeError("PostgreSQL is not installed (Debian: apt install postgresql)")
