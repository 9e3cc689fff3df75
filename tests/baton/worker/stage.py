"""What the tests of runners share: a job, what is said about it, modules that callables are in."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from baton.worker.processors.child import BuildRequest
from baton.worker.processors.protocol import Output
from baton.worker.processors.registry import Processors, installed
from baton.worker.processors.runner import Runner
from baton.worker.settings import RunnerSettings
from baton.worker.work import Work

PLAIN: dict[str, Any] = {
    "job": {
        "id": 7,
        "packageinstance": {
            "package": {"name": "html2pdf", "version": "1.4"},
            "arch": {"name": "any"},
            "suite": {"name": "latex"},
            "distribution": {"name": "cnx"},
            "format": {"name": "pdf"},
            "build_env": None,
            "master": True,
        },
    },
    "transport": {"uri": "http://cnx.org/content/m9003", "vcs_id": None, "method": "http"},
    "web_host": "pybit.example.com",
    "timestamp": "2012-07-04 12:00:00",
}
"""A build request of PyBit's, without its classes."""


class Said(Output):
    """Everything that a runner said."""

    def __init__(self) -> None:
        self.logged: list[str] = []
        self.told: list[tuple[str, int | None]] = []

    def log(self, text: str, step: str = "") -> None:
        self.logged += text.split("\n")

    def info(self, text: str, *, step: str = "", percent: int | None = None) -> None:
        self.told.append((text, percent))


def build(**changes: Any) -> BuildRequest:
    """A build request, with other values by the names of placeholders in lower case."""
    instance = dict(PLAIN["job"]["packageinstance"])
    instance["package"] = {
        "name": changes.get("package", "html2pdf"),
        "version": changes.get("version", "1.4"),
    }
    for name, key in (("arch", "arch"), ("suite", "suite"), ("dist", "distribution")):
        if name in changes:
            instance[key] = {"name": changes[name]}
    if "format" in changes:
        instance["format"] = {"name": changes["format"]}
    transport = {**PLAIN["transport"], **({"uri": changes["uri"]} if "uri" in changes else {})}
    job = {"id": changes.get("id", 7), "packageinstance": instance}
    return BuildRequest({**PLAIN, "job": job, "transport": transport})


def work(request: BuildRequest | None = None, **arguments: Any) -> Work:
    """A job of PyBit's, or with arguments one of ours."""
    asked = None if arguments else request or BuildRequest(PLAIN)
    return Work("j1", 1, "pdf", "report", arguments, asked)


def runner(
    text: str, folder: Path | None = None, processors: Processors | None = None, **keys: Any
) -> Runner:
    """The runner `report` of a configuration with these keys."""
    table: Mapping[str, Any] = {"runner": text, "folder": folder, "timeout": 30, **keys}
    settings = RunnerSettings.model_validate(table)
    return (processors or installed()).make("report", settings)


MakeModule = Callable[[str], str]
"""Makes a module with this text; returns its name."""


def make_modules(folder: Path, monkeypatch: pytest.MonkeyPatch) -> MakeModule:
    """Modules in `folder`, which the worker and its children find."""
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    count = 0

    def make(text: str) -> str:
        nonlocal count
        count += 1
        name = f"made_{folder.name}_{count}".replace("-", "_")
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
        return name

    return make


def calls(module: MakeModule, text: str, name: str = "run", **keys: Any) -> Runner:
    """A runner of the callable `name` in a module with this text."""
    return runner(f"python!{module(text)}:{name}", **keys)
