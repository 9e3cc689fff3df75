"""The audit log of a bot, exported and verified by the command line."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import update

from bot.store import Store
from bot.store.tables.job_tables import audit
from tests.bot.cli.program import ran
from tests.bot.store.build import asked, deploy


async def test_export_and_verify(database: str, tmp_path: Path) -> None:
    """What was exported, and the database itself, are verified against the head that the bot has;
    a change is named, and the exit code is 1."""
    store = await Store.open(database)
    for _ in range(3):
        await asked(store, deploy("web-1"))
    await store.audit_chain.seal()
    variables = {"BATON_DATABASE_URL": database}
    code, head, _ = await ran("audit", "head", **variables)
    assert (code, head[:2]) == (0, "3:")
    file = tmp_path / "audit.jsonl"
    code, _, said = await ran("audit", "export", "-o", str(file), **variables)
    assert (code, said) == (0, "3 entries\n")
    unbroken = (0, f"3 entries, unbroken; the head is {head.strip()}.\n", "")
    assert await ran("audit", "verify", str(file), "--head", head.strip()) == unbroken
    assert await ran("audit", "verify", "--head", head.strip(), **variables) == unbroken

    changed = update(audit).where(audit.c.link == 2).values(words="deploy shop prod --ref evil")
    await store._database.write(lambda connection: connection.execute(changed))
    await store.close()
    code, out, _ = await ran("audit", "verify", **variables)
    assert (code, out.splitlines()[0][:19]) == (1, "entry 2 was changed")
    code, out, _ = await ran("audit", "export", "--first", "3", **variables)
    assert (code, out.count("\n")) == (0, 1)


async def test_a_wrong_call_is_an_error_in_a_line(tmp_path: Path) -> None:
    """A head that is none, a file that is not there, a database that a bot has not made."""
    code, _, said = await ran("audit", "verify", "--head", "x")
    assert (code, said.startswith("baton: --head: a head is NUMBER:HASH")) == (2, True)
    code, _, said = await ran("audit", "verify", str(tmp_path / "none.jsonl"))
    assert (code, said.count("\n")) == (2, 1)
    missing = f"sqlite:///{tmp_path}/none.db"
    code, _, said = await ran("audit", "export", BATON_DATABASE_URL=missing)
    assert (code, "Traceback" in said) == (2, False)
    assert not (tmp_path / "none.db").exists()


async def test_the_verifier_is_printed() -> None:
    """For whoever has the export and no Baton."""
    code, out, _ = await ran("audit", "verifier")
    assert code == 0
    compile(out, "verifier.py", "exec")
