"""The program `baton`, where a folder of somebody else's project hides a package of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HIDDEN = ("bot", "commands", "alerts")
BATON = Path(sys.executable).parent / "baton"


def run(folder: Path, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `words` in `folder`, without the variables of whoever runs the tests."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BATON_", "SLACK_", "PYTHON"))
    }
    return subprocess.run(
        words,
        cwd=folder,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def hiding(package: str, folder: Path) -> str:
    """The line that says so, as far as it depends on nothing else."""
    return (
        f"baton: {folder / package} hides Baton's own package `{package}`: {folder} comes before"
        " Baton on Python's path ("
    )


@pytest.mark.parametrize("subcommand", ["agent", "doctor", "bot"])
@pytest.mark.parametrize("package", HIDDEN)
def test_a_folder_that_hides_a_package(package: str, subcommand: str, tmp_path: Path) -> None:
    """One line says which folder hides which package and what to do; there is no traceback. An
    agent needs no package `alerts`: it starts beside a folder of that name as ever."""
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    done = run(tmp_path, BATON, subcommand, PYTHONPATH=".")
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
    if (package, subcommand) == ("alerts", "agent"):
        assert "server.environment: is not set" in done.stderr
        return
    assert done.stdout == ""
    assert done.stderr == (
        f"{hiding(package, tmp_path)}PYTHONPATH names it)."
        f" Take {tmp_path} off Python's path, or rename the package `{package}` in it.\n"
    )


@pytest.mark.parametrize("package", HIDDEN)
def test_a_folder_that_is_no_package_hides_nothing(package: str, tmp_path: Path) -> None:
    """Without an `__init__.py` it is at most a namespace, and ours is found before it."""
    (tmp_path / package).mkdir()
    (tmp_path / package / "shop.py").touch()
    done = run(tmp_path, BATON, "bot", PYTHONPATH=".")
    assert "bus.url: is not set" in done.stderr


def test_python_m_in_such_a_folder(tmp_path: Path) -> None:
    """`python -m baton` puts the current folder first on the path; a module hides a package too."""
    (tmp_path / "commands.py").touch()
    done = run(tmp_path, sys.executable, "-m", "baton", "agent")
    assert done.stderr.startswith(
        f"baton: {tmp_path}/commands.py hides Baton's own package `commands`: {tmp_path} comes"
        " before Baton on Python's path (it is the current folder)."
    )
    assert done.stderr.count("\n") == 1


def test_a_folder_that_a_sitecustomize_puts_first(tmp_path: Path) -> None:
    """However it came to be there."""
    (tmp_path / "shop" / "alerts").mkdir(parents=True)
    (tmp_path / "shop" / "alerts" / "__init__.py").touch()
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        f"import sys; sys.path.insert(0, {str(tmp_path / 'shop')!r})"
    )
    done = run(tmp_path, BATON, "bot", PYTHONPATH=str(site))
    assert done.stderr.startswith(
        f"{hiding('alerts', tmp_path / 'shop')}added by a .pth file or sitecustomize.py"
    )
    assert done.stderr.count("\n") == 1


def test_where_nothing_is_hidden(tmp_path: Path) -> None:
    """`python -m baton` is the same program as `baton`."""
    said = [
        run(tmp_path, *words, "--version").stdout
        for words in ((BATON,), (sys.executable, "-m", "baton"))
    ]
    assert said[0].startswith("baton 2.")
    assert said[0] == said[1]
