"""The bot's ledger as it is in its database, read past the bot."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.postgres import Postgres

Rows = list[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where it is (`url`, as the bot's settings have it), and how to ask it."""

    url: str
    ask: Callable[[str], Rows]

    @classmethod
    def sqlite(cls, file: Path) -> Ledger:
        """In a file, which need not be there yet."""

        def ask(statement: str) -> Rows:
            if not file.exists():
                return []
            try:
                with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
                    return [tuple(map(str, row)) for row in connection.execute(statement)]
            except sqlite3.OperationalError as error:
                if "no such table" in str(error) or "locked" in str(error):
                    return []
                raise

        return cls(f"sqlite:///{file}", ask)

    @classmethod
    def postgres(cls, postgres: Postgres, url: str) -> Ledger:
        """In a database of a PostgreSQL server."""

        def ask(statement: str) -> Rows:
            if postgres.sql("SELECT to_regclass('jobs')", url.rpartition("/")[2]) == "":
                return []
            answer = postgres.sql(statement, url.rpartition("/")[2])
            return [tuple(line.split("|")) for line in answer.splitlines()]

        return cls(url, ask)

    def servers(self) -> set[str]:
        """The servers that were heard."""
        return {host for (host,) in self.ask("SELECT host FROM servers WHERE NOT leaving")}

    def jobs(self) -> int:
        """How many jobs it has."""
        return len(self.ask("SELECT id FROM jobs"))

    def told(self) -> int:
        """How many of them have ended, with every post showing so."""
        return len(self.ask("SELECT id FROM jobs WHERE told"))

    def unsent(self) -> int:
        """How many messages wait in the outbox."""
        return len(self.ask("SELECT id FROM outbox"))

    def states(self, job: str) -> dict[str, str]:
        """How `job` stands on each of its servers."""
        rows = self.ask(f"SELECT host, state FROM runs WHERE job = '{job}'")
        return {row[0]: row[1] for row in rows}


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another process, this one, keeps the SQLite `file` locked for writing."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
