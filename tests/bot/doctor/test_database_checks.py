"""What is said of the database, which is not changed."""

from __future__ import annotations

from pathlib import Path

from bot.doctor.check_result import Mark
from bot.doctor.database_checks import database


async def test_database(tmp_path: Path) -> None:
    """A file that is not there is not made; one that is empty is noted."""
    file = tmp_path / "baton.db"
    assert (await database(f"sqlite:///{file}")).mark is Mark.NOTE
    assert not file.exists()
    file.touch()
    assert "is empty" in (await database(f"sqlite:///{file}")).text
    assert (await database("mysql://x/y")).mark is Mark.FAIL
    below = await database(f"sqlite:///{tmp_path}/new/folder/baton.db")
    assert (below.mark, (tmp_path / "new").exists()) == (Mark.NOTE, False)
    nowhere = await database(f"sqlite:///{file}/nosuch/baton.db")
    assert (nowhere.mark, "baton.db is not a folder" in nowhere.text) == (Mark.FAIL, True)
