"""URLs of databases, and the folders of new files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.store import DatabaseUnavailable, Store, UnusableUrl


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("mysql://u:hunter2@h/d", "mysql is not supported"),
        ("no url, hunter2", "it is not a URL"),
    ],
)
async def test_a_url_that_will_not_do_is_explained(url: str, reason: str) -> None:
    """The error says what is wrong and what to write, and no password."""
    with pytest.raises(UnusableUrl, match=reason) as caught:
        await Store.open(url)
    assert "hunter2" not in str(caught.value)
    assert "sqlite:///" in str(caught.value)


async def test_a_database_that_is_not_there_says_so_without_the_password() -> None:
    """Nobody listening: DatabaseUnavailable, soon, and no secret in its text."""
    with pytest.raises(DatabaseUnavailable) as caught:
        await Store.open("postgresql://baton:hunter2@127.0.0.1:9/baton")
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1:9" in str(caught.value)


async def test_the_folder_of_a_new_file_is_made_for_us_alone(tmp_path: Path) -> None:
    """As the agent makes that of its journal; where none can be made, that is for good."""
    store = await Store.open(f"sqlite:///{tmp_path}/var/lib/baton.db")
    await store.close()
    assert (tmp_path / "var/lib").stat().st_mode & 0o077 == 0
    (tmp_path / "file").touch()
    with pytest.raises(UnusableUrl, match="cannot be created"):
        await Store.open(f"sqlite:///{tmp_path}/file/baton.db")
