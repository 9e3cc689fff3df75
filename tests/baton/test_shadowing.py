"""Which package Python finds under one of our names, and extensions that use such a name."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

import pytest

from baton import entry_points as found_points
from baton import shadowing
from baton.errors import PackageHidden
from baton.extensions import installed
from baton.shadowing import OWN, require_own


class _Acme(Distribution):
    """A distribution that ships a top-level package `commands`."""

    def read_text(self, filename: str) -> str | None:
        return "Name: acme-tools\nVersion: 1\n" if filename == "METADATA" else None

    def locate_file(self, path: object) -> Path:
        raise NotImplementedError


def theirs(name: str, value: str) -> EntryPoint:
    """An entry point of it, as importlib.metadata gives it."""
    point = EntryPoint(name, value, "baton.commands")
    vars(point)["dist"] = _Acme()
    return point


@pytest.fixture
def hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder first on Python's path that holds a package `commands`."""
    folder = tmp_path / "site-packages"
    (folder / "commands").mkdir(parents=True)
    (folder / "commands" / "__init__.py").touch()
    kept = {
        name: module for name, module in sys.modules.items() if name.split(".")[0] == "commands"
    }
    for name in kept:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    return folder


def test_ours_are_found() -> None:
    """Nothing is hidden here."""
    require_own(*OWN)


def test_a_package_that_another_distribution_installs(
    hidden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is called by its name: whoever runs Baton knows what they installed, not which folder."""
    monkeypatch.setattr(
        shadowing, "packages_distributions", lambda: {"commands": ["acme-tools", "baton-chatops"]}
    )
    with pytest.raises(PackageHidden) as raised:
        require_own("commands")
    assert str(raised.value) == (
        f"{hidden / 'commands'} hides Baton's own package `commands`: {hidden} comes before Baton"
        " on Python's path and is installed by acme-tools. Uninstall acme-tools, or have it renamed"
        " there: Baton must find its own."
    )


@pytest.mark.usefixtures("hidden")
def test_extensions_are_not_looked_for_in_anothers_package() -> None:
    """Nobody is told that there is no command `deploy` when it is only hidden."""
    with pytest.raises(PackageHidden):
        installed()


def test_an_extension_in_a_package_of_our_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left out, however the files of the two came to lie, and its author reads why."""
    points = [
        EntryPoint("ping", "commands.ping:extension", "baton.commands"),
        theirs("disk", "commands.ping:extension"),
    ]
    monkeypatch.setattr(found_points, "entry_points", lambda group: points)
    found = installed()
    assert list(found) == ["ping"]
    assert found.broken["disk"] == (
        "commands.ping:extension of acme-tools is in a package `commands`, which is the name of one"
        " of Baton's own: it must be renamed there"
    )


def test_a_command_of_ours_that_another_distribution_wrote_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """pip lets two distributions write into one folder; why ours does not load is said."""
    monkeypatch.setattr(
        found_points, "other_distributions", {"commands": ["acme-tools"], "bot": []}.__getitem__
    )
    point = EntryPoint("ping", "commands.ping:no_such_name", "baton.commands")
    monkeypatch.setattr(found_points, "entry_points", lambda group: [point])
    reason = installed().broken["ping"]
    assert "commands.ping:no_such_name does not load (AttributeError" in reason
    assert "acme-tools installs a package `commands` over it: uninstall acme-tools" in reason
