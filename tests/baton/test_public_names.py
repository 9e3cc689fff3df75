"""What authors of extensions import: these names, from these modules, in every version of 2.x."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import baton

PUBLIC = {
    "baton": (
        "API Answer BatonError Blocked Cancel Channel Command Consumer ConsumerManager Extension "
        "Facts Failed Heartbeat Host Monitor Name Observable Observer Outcome Person Pong "
        "Positional Reach Ref Refused Request Run RunReport Server Service State Update UsageError "
        "connect"
    ),
    "baton.command": "Command Known Reach Target",
    "baton.consumer": "Consumer Extension NoSettings TimeLimit",
    "baton.errors": "BatonError Blocked ExtensionError Failed Refused SettingsError UsageError",
    "baton.extensions": "Commands installed",
    "baton.fields": "Address Host Name Positional Ref",
    "baton.monitor": "Monitor",
    "baton.observer": "LogObserver Observable Observer",
    "baton.outcome": "Answer Outcome RunReport brief counted duration named",
    "baton.run": "Run",
    "baton.server": "Server",
    "baton.settings": "Table",
    "baton.testing": "Asked Chat ChatServer Kit Said open_chat seen",
    "baton.worker.processors.protocol": "Output Processor ProcessorFactory RunnerSettings",
    "baton.worker.work": "Artifact BuildRequest Outcome Result Work",
}


@pytest.mark.parametrize("module", PUBLIC)
def test_each_public_name_is_where_it_was(module: str) -> None:
    """No import of an extension changes when Baton is laid out anew."""
    found = import_module(module)
    missing = [name for name in PUBLIC[module].split() if not hasattr(found, name)]
    assert missing == []


def test_baton_hands_on_these_and_no_others() -> None:
    """The three lists of `baton/__init__.py` are one: what is typed, what is listed, what is
    found."""
    assert baton.__all__ == PUBLIC["baton"].split()
    tree = ast.parse(Path(baton.__file__).read_text())
    typed = {
        (alias.name, node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("baton.")
        for alias in node.names
    }
    assert typed == set(baton._HOMES.items())
    assert set(dir(baton)) >= set(baton.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Desk'"):
        baton.Desk  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.slow
def test_a_name_is_imported_when_it_is_asked_for() -> None:
    """Whoever wants an error alone does not wait for the client of RabbitMQ."""
    program = (
        "import sys; from baton import UsageError; assert 'aiormq' not in sys.modules\n"
        "import baton; from baton import *; assert API is baton.API; print(Command.__module__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "baton.command\n"
