"""`baton new --update`: a later template comes in, and no change of the author's is lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from baton.scaffold import updating
from baton.scaffold.record import Record, read_record
from baton.scaffold.template import render
from baton.scaffold.updating import UpdateRefused, What, update
from bot.cli import app
from tests.baton.scaffold.conftest import ANSWERS, git

TEMPLATE = Path(__file__).parents[3] / "examples" / "package"


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """A later template: a folder to change."""
    folder = tmp_path / "later"
    shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return folder


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "mine")


def found(folder: Path, template: Path) -> dict[str, What]:
    return {one.path: one.what for one in update(folder, template).changes}


def test_nothing_is_different(made: Path) -> None:
    """The same template changes nothing, not even its record."""
    assert update(made).changes == ()
    assert git(made, "status", "--porcelain") == ""


def test_both_sides_come_together(made: Path, later: Path) -> None:
    """A file that only the template changed is new; one that both changed in different places has
    both; a file of the author's is not touched."""
    change(later / "Makefile", "clean:", "purge:")
    change(later / "pyproject.toml", "line-length = 100", "line-length = 88")
    (later / "docs.md").write_text("About newcommand.\n")
    change(made / "pyproject.toml", 'version = "0.1.0"', 'version = "1.2.3"')
    (made / "src/acme_disk/more.py").write_text("MINE = 1\n")
    commit(made)
    assert found(made, later) == {
        "Makefile": What.UPDATED,
        "docs.md": What.ADDED,
        "pyproject.toml": What.MERGED,
    }
    assert (made / "docs.md").read_text() == "About disk.\n"
    text = (made / "pyproject.toml").read_text()
    assert 'version = "1.2.3"' in text
    assert "line-length = 88" in text
    assert (made / "src/acme_disk/more.py").read_text() == "MINE = 1\n"
    commit(made)
    assert update(made, later).changes == (), "what came in is the next base"


def test_a_conflict_shows_both_sides(made: Path, later: Path) -> None:
    """As git does. Until it is resolved no other update touches the file."""
    change(later / "pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"')
    change(made / "pyproject.toml", 'version = "0.1.0"', 'version = "1.2.3"')
    commit(made)
    done = update(made, later)
    assert done.conflicts == ["pyproject.toml"]
    text = (made / "pyproject.toml").read_text()
    assert '<<<<<<< yours\nversion = "1.2.3"\n=======\nversion = "0.2.0"\n>>>>>>> template' in text
    commit(made)
    change(later / "pyproject.toml", "line-length = 100", "line-length = 88")
    before = (made / "pyproject.toml").read_bytes()
    with pytest.raises(UpdateRefused, match=r"pyproject\.toml holds a conflict"):
        update(made, later)
    assert (made / "pyproject.toml").read_bytes() == before


def test_what_the_author_deleted_stays_deleted(made: Path, later: Path) -> None:
    """And what the template deletes goes, unless the author changed it."""
    change(later / "src/newpackage/monitor.py", "prints which failed", "prints what failed")
    (later / "LICENSE").unlink()
    (later / "README.md").unlink()
    (made / "src/acme_disk/monitor.py").unlink()
    (made / "README.md").write_text("mine\n")
    commit(made)
    assert found(made, later) == {
        "LICENSE": What.REMOVED,
        "README.md": What.KEPT,
        "src/acme_disk/monitor.py": What.LEFT,
    }
    assert not (made / "LICENSE").exists()
    assert not (made / "src/acme_disk/monitor.py").exists()
    assert (made / "README.md").read_text() == "mine\n"


def test_a_new_file_that_the_author_has_already(made: Path, later: Path) -> None:
    """Neither is lost; one that says the same is no conflict."""
    (later / "docs.md").write_text("theirs\n")
    (later / "same.md").write_text("same\n")
    (made / "docs.md").write_text("mine\n")
    (made / "same.md").write_text("same\n")
    commit(made)
    assert found(made, later) == {"docs.md": What.CONFLICT}
    assert {"mine", "theirs"} <= set((made / "docs.md").read_text().splitlines())


def test_modes_and_links_stay(made: Path, later: Path) -> None:
    """A file that can be executed still can be; a link is not written through."""
    change(later / "Makefile", "clean:", "purge:")
    change(later / "README.md", "It is the example", "It is an example")
    (made / "Makefile").chmod(0o755)
    (made / "README.md").rename(made / "README.txt")
    (made / "README.md").symlink_to("README.txt")
    commit(made)
    whole = (made / "README.txt").read_text()
    assert found(made, later) == {"Makefile": What.UPDATED, "README.md": What.LEFT}
    assert os.access(made / "Makefile", os.X_OK)
    assert (made / "README.txt").read_text() == whole


def test_what_is_not_committed_is_safe(made: Path, later: Path) -> None:
    """Then git could not take the update back."""
    (made / "README.md").write_text("mine\n")
    with pytest.raises(UpdateRefused, match="Commit it first"):
        update(made, later)
    assert (made / "README.md").read_text() == "mine\n"


def test_without_a_repository_it_merges_too(made: Path, later: Path) -> None:
    """A conflict holds both sides, so that nothing is lost there either."""
    shutil.rmtree(made / ".git")
    change(later / "README.md", "It is the example", "It is an example")
    change(made / "README.md", "It is the example", "This was the example")
    assert found(made, later) == {"README.md": What.CONFLICT}
    text = (made / "README.md").read_text()
    assert "This was the example" in text
    assert "It is an example" in text


def test_an_update_that_stopped_is_repeated(
    made: Path, later: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two files it goes on where it was, without merging twice."""
    change(later / "Makefile", "clean:", "purge:")
    change(later / "pyproject.toml", "line-length = 100", "line-length = 88")
    change(made / "pyproject.toml", 'version = "0.1.0"', 'version = "1.2.3"')
    commit(made)
    written: list[Path] = []

    def killed(file: Path, content: bytes) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(file)
        write(file, content)

    write = updating._write
    with monkeypatch.context() as patched:
        patched.setattr(updating, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            update(made, later)
    commit(made)
    assert found(made, later) == {"pyproject.toml": What.MERGED}
    assert read_record(made).files == render(ANSWERS, later)


def test_a_package_of_a_later_baton(made: Path) -> None:
    """An older template would take away what a newer one brought."""
    file = made / ".baton-new.toml"
    file.write_text(Record("99.0", ANSWERS, render(ANSWERS)).text())
    commit(made)
    with pytest.raises(UpdateRefused, match=r"Baton 99\.0 has written it"):
        update(made)


def test_the_command_line(made: Path, later: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it did with each file; its exit code says whether there is work left."""
    monkeypatch.chdir(made)
    done = CliRunner().invoke(app, ["new", "--update"])
    assert (done.exit_code, done.output.partition("of Baton")[0]) == (
        0,
        "Nothing is different in the template ",
    )
    change(later / "README.md", "It is the example", "It is an example")
    change(made / "README.md", "It is the example", "This was the example")
    commit(made)
    monkeypatch.setattr("baton.scaffold.template._CHECKOUT", later)
    done = CliRunner().invoke(app, ["new", "--update"])
    assert done.exit_code == 1
    assert "README.md: CONFLICT" in done.output
    assert "Resolve the conflicts" in done.output
    monkeypatch.chdir(later)
    done = CliRunner().invoke(app, ["new", "--update"])
    assert "there is no such file" in str(done.exception)
