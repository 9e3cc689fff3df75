"""The tables are brought up, by one process at a time; what is not ours is left alone."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import sqlite3
import sys
from asyncio.subprocess import create_subprocess_exec
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from bot.store import DatabaseTooNew, ForeignDatabase, Store
from bot.store.database.open import open_database
from bot.store.migrations.migrate import SCRIPTS, known_revisions, upgrade
from bot.store.tables import metadata
from tests.bot.store.build import asked, deploy


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of the test's own, without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/baton.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


async def test_the_migrations_make_the_tables_that_the_code_uses(url: str) -> None:
    """After the last step there is no difference left; and a second time there is nothing to do."""
    database = open_database(url)
    try:
        await upgrade(database)
        await upgrade(database)

        def differences(connection: Connection) -> list[object]:
            context = MigrationContext.configure(connection, opts={"compare_type": _differs})
            return list(compare_metadata(context, metadata))

        assert await database.read(differences) == []
    finally:
        await database.close()


def _differs(
    context: MigrationContext, _is: object, _meant: object, found: Any, wanted: Any
) -> bool:
    """As the database spells them. (Alembic's own comparison does not see our types' collation.)"""
    names = [str(kind.compile(dialect=context.dialect)) for kind in (found, wanted)]
    return names[0].replace("DOUBLE PRECISION", "FLOAT") != names[1]


def test_the_steps_are_numbered_as_they_follow_each_other() -> None:
    """The numbers of the files are the revisions that Alembic sees, in its order."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    steps = ScriptDirectory.from_config(config).walk_revisions()
    assert [step.revision for step in steps] == known_revisions()[::-1]


async def test_many_bots_may_start_at_once(url: str) -> None:
    """On an empty database one of them makes the tables, and all of them work."""
    stores = await asyncio.gather(*(Store.open(url) for _ in range(6)))
    try:
        for store in stores:
            await asked(store, deploy("web-1"))
        assert len(await stores[0].ledger.recent()) == 6
    finally:
        await asyncio.gather(*(store.close() for store in stores))


async def test_stores_of_one_process_may_be_opened_at_once(tmp_path: Path) -> None:
    """Alembic knows one database at a time: several files of one process wait for each other."""
    urls = [f"sqlite:///{tmp_path}/{number}.db" for number in range(6)]
    stores = await asyncio.gather(*map(Store.open, urls))
    for store in stores:
        await store.ping()
        await store.close()


@pytest.mark.slow
async def test_many_processes_may_start_at_once(url: str) -> None:
    """The same holds for processes."""
    code = (
        "import asyncio, sys; from bot.store import Store\n"
        "async def main():\n"
        "    store = await Store.open(sys.argv[1])\n"
        "    await store.ping()\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
    )
    children = [await create_subprocess_exec(sys.executable, "-c", code, url) for _ in range(3)]
    assert [await child.wait() for child in children] == [0, 0, 0]


async def test_jobs_of_before_work_queues_go_on(url: str) -> None:
    """What a bot before revision 0012 wrote is of servers: it is read, sent, and not started
    again."""
    old = await Store.open(url)
    new = await asked(old, deploy("web-1"), sent=False)
    await old.close()
    database = open_database(url)

    def as_it_was(connection: Connection) -> None:
        undo_audit_chain(connection)
        for table, column in (("runs", "retries"), ("runs", "retried"), ("outbox", "tried")):
            connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0011'"))

    await database.write(as_it_was)
    await database.close()
    store = await Store.open(url)
    try:
        found = await store.ledger.job(new.job.id)
        assert found is not None
        assert [(run.queue, run.retries, run.retried) for run in found[1]] == [("", None, False)]
        assert [(row.host, row.once, row.tried) for row in await store.ledger.outbox()] == [
            ("web-1", False, False)
        ]
    finally:
        await store.close()


def undo_audit_chain(connection: Connection) -> None:
    """Bring the tables back to revision 0012."""
    undo_holds(connection)
    connection.execute(text("DROP TABLE audit_head"))
    for index in ("audit_link", "audit_unsealed"):
        connection.execute(text(f"DROP INDEX {index}"))
    for column in ("link", "previous", "hash"):
        connection.execute(text(f"ALTER TABLE audit DROP COLUMN {column}"))
    connection.execute(text("UPDATE alembic_version SET version_num = '0012'"))


def undo_holds(connection: Connection) -> None:
    """Bring the tables back to revision 0013."""
    connection.execute(text("DROP INDEX jobs_rolling"))
    connection.execute(text("ALTER TABLE jobs DROP COLUMN rolling"))
    for table in ("passkeys", "locks", "fences", "broken_freezes"):
        connection.execute(text(f"DROP TABLE {table}"))
    connection.execute(text("DROP TABLE votes"))
    for column in ("hold", "plan", "plan_digest"):
        connection.execute(text(f"ALTER TABLE jobs DROP COLUMN {column}"))
    connection.execute(text("UPDATE alembic_version SET version_num = '0013'"))


async def test_jobs_of_before_holds_wait_for_nobody(url: str) -> None:
    """What a bot before revision 0014 wrote is read, and has its outbox."""
    old = await Store.open(url)
    new = await asked(old, deploy("web-1"), sent=False)
    await old.close()
    database = open_database(url)
    await database.write(undo_holds)
    await database.close()
    store = await Store.open(url)
    try:
        found = await store.ledger.job(new.job.id)
        assert found is not None
        assert (found[0].hold, found[0].votes, found[0].plan_digest) == (None, (), "")
        assert await store.ledger.held() == {}
        assert len(await store.ledger.outbox()) == 1
    finally:
        await store.close()


async def test_entries_of_before_the_chain_are_sealed(url: str) -> None:
    """What a bot before revision 0013 wrote has no links: it becomes the beginning of the chain."""
    old = await Store.open(url)
    for _ in range(3):
        await asked(old, deploy("web-1"))
    await old.close()
    database = open_database(url)
    await database.write(undo_audit_chain)
    await database.close()
    store = await Store.open(url)
    try:
        assert await store.audit_chain.seal() == 3
        assert [link.number async for link in store.audit_chain.links()] == [1, 2, 3]
    finally:
        await store.close()


async def test_a_database_of_a_newer_baton_is_left_alone(url: str) -> None:
    """What a later version made is refused, naming both versions; nothing in it is changed."""
    await (await Store.open(url)).close()
    database = open_database(url)

    def newer(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    try:
        await database.write(newer)
        with pytest.raises(DatabaseTooNew, match=rf"9999.*{known_revisions()[-1]}") as caught:
            await Store.open(url)
        assert caught.value.permanent
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("CREATE TABLE customers (id)", "tables of another program"),
        ("CREATE TABLE alembic_version (version_num)", "which Alembic keeps"),
    ],
)
async def test_a_file_of_another_program_stays_as_it_is(
    tmp_path: Path, statement: str, reason: str
) -> None:
    """Our tables are not made beside theirs."""
    file = tmp_path / "theirs.db"
    with contextlib.closing(sqlite3.connect(file)) as theirs:
        theirs.execute(statement)
        if "alembic" in statement:
            theirs.execute("INSERT INTO alembic_version VALUES ('1975ea83b712')")
        theirs.commit()
        before = theirs.execute("SELECT name FROM sqlite_master").fetchall()
        with pytest.raises(ForeignDatabase, match=reason):
            await Store.open(f"sqlite:///{file}")
        assert theirs.execute("SELECT name FROM sqlite_master").fetchall() == before


def test_a_step_imports_nothing_of_ours() -> None:
    """What it imports would change, and with it what an old database becomes."""
    for file in SCRIPTS.glob("versions/[0-9]*.py"):
        names: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module or ".")
        roots = {name.partition(".")[0] for name in names}
        assert roots <= {"__future__", "alembic", "sqlalchemy"}, file.name
