"""Reads a worker's settings file, worker.toml or an INI of rbit's, and finds all that is wrong.

A file is read as a whole before anything starts, or not at all: each error names section, key, file
and line, and what to do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from baton.errors import SettingsError
from baton.settings import BusSettings, explained, no_such
from baton.toml_lines import parse_toml
from baton.worker.config.located import Faults, Source, TomlSource
from baton.worker.config.rbit_ini import read_ini
from baton.worker.settings import WORKER_VARIABLES, RunnerSettings, WorkerSettings

MAX_FILE = 1_000_000
"""Bytes of a settings file, at most."""

RunnerCheck = Callable[[str, RunnerSettings], object]
"""Makes the runner of this name, or only checks that it can be made. Raises SettingsError."""

_A_URL = "a URL such as amqps://user:password@host (or set BATON_BUS_URL)"
_WANTED = {
    ("worker", "environment"): "an environment such as prod (or set BATON_ENVIRONMENT)",
    ("queues",): 'a table [queues] of lines such as reports = "report"',
    ("runner",): "a table [runner.NAME] for each runner",
}


@dataclass(frozen=True, slots=True)
class WorkerFile:
    """A settings file that will do: what it says, what of it is not read, and the sections about
    the log, which only an INI has."""

    file: Path
    settings: WorkerSettings
    notes: tuple[str, ...] = ()
    logging: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read(file: Path, environ: Mapping[str, str], check: RunnerCheck | None = None) -> WorkerFile:
    """Return the settings in `file`, overridden by what `environ` sets.

    With `check`, each runner is checked too, with what it needs on this host. Raises SettingsErrors
    with all that is wrong.
    """
    if is_ini(file):
        return read_as_ini(file, environ, check)
    text = _text(_bytes(file), file)
    tables, source = parse_toml(text, str(file)), TomlSource(str(file), text)
    faults = Faults(source, _override(tables, environ))
    return WorkerFile(file, _whole(tables, faults, check))


def read_as_ini(
    file: Path, environ: Mapping[str, str], check: RunnerCheck | None = None
) -> WorkerFile:
    """Return the settings in `file`, an INI of rbit's whatever its name. Raises as `read` does."""
    found = read_ini(_bytes(file), str(file))
    faults = Faults(found, _override(found.tables, environ))
    for path, problem, must in found.wrong:
        faults.add(path, problem, must)
    settings = _whole(found.tables, faults, check)
    return WorkerFile(file, settings, tuple(found.notes), found.logging)


def _whole(tables: dict[str, Any], faults: Faults, check: RunnerCheck | None) -> WorkerSettings:
    """Return the settings in `tables`. Raises SettingsErrors with all that is wrong."""
    settings = _validated(tables, faults)
    if settings is not None:
        _check_whole(settings, faults)
        for name, runner in settings.runner.items():
            _check_runner(name, runner, faults, check)
    faults.raise_if_any()
    assert settings is not None
    return settings


def read_bus(file: Path | None, environ: Mapping[str, str]) -> list[str]:
    """Return the URLs of RabbitMQ in a settings file of a worker or an agent, or in `environ`.

    Nothing else in the file is looked at. Raises SettingsError.
    """
    tables: dict[str, Any] = {}
    source: Source = TomlSource("the environment", "")
    if file is not None:
        data = _bytes(file)
        if is_ini(file):
            found = read_ini(data, str(file))
            source, tables = found, {"bus": found.tables.get("bus", {})}
        else:
            text = _text(data, file)
            source, tables = TomlSource(str(file), text), parse_toml(text, str(file))
    faults = Faults(source, _override(tables, environ))
    try:
        urls = BusSettings.model_validate(tables.get("bus", {})).urls
    except ValidationError as error:
        raise explained(BusSettings, source.file, error.errors()[0], prefix="bus") from None
    if not urls:
        faults.add(("bus", "url"), "is not set", _A_URL)
    faults.raise_if_any()
    return urls


def read_signing_key(file: Path | None) -> Path | None:
    """Return the private key with which the bot of the settings `file` signs; None if it signs with
    none. Raises SettingsError if the file cannot be read."""
    if file is None or is_ini(file):
        return None
    table = parse_toml(_text(_bytes(file), file), str(file)).get("signing", {})
    key = table.get("key") if isinstance(table, dict) else None
    return Path(key) if isinstance(key, str) else None


def is_ini(file: Path) -> bool:
    """Return whether `file` is read as an INI: by its name, all but `.toml` are."""
    return file.suffix.lower() != ".toml"


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE + 1)
    except FileNotFoundError:
        problem, must = "there is no such file", "the path of a worker.toml, or of an INI of rbit's"
    except OSError as error:
        problem, must = f"it cannot be read ({error.strerror})", "a file that this user may read"
    else:
        if len(data) <= MAX_FILE:
            return data
        problem, must = f"it is larger than {MAX_FILE} bytes", "a settings file"
    raise SettingsError(file=str(file), key="the file itself", problem=problem, must=must)


def _text(data: bytes, file: Path) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            file=f"{file}, line {line}",
            key="this line",
            problem="it is not UTF-8",
            must="a text in UTF-8: save it as that",
        ) from None


def _override(tables: dict[str, Any], environ: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Put what variables set; return which settings those are."""
    overridden: dict[tuple[str, ...], str] = {}
    for variable, (table, key) in WORKER_VARIABLES.items():
        held = tables.setdefault(table, {})
        if environ.get(variable) and isinstance(held, dict):
            held[key] = environ[variable]
            overridden[table, key] = variable
    return overridden


def _validated(tables: dict[str, Any], faults: Faults) -> WorkerSettings | None:
    try:
        return WorkerSettings.model_validate(tables)
    except ValidationError as error:
        faults.add_invalid(WorkerSettings, error, _WANTED)
        return None


def _check_whole(settings: WorkerSettings, faults: Faults) -> None:
    """Add what is wrong between settings that are right each by itself."""
    if not settings.bus.urls:
        faults.add(("bus", "url"), "is not set", _A_URL)
    if not settings.queues:
        faults.add(("queues",), "there is no queue", _WANTED["queues",])
    used = {queue.runner for queue in settings.queues.values()}
    for name, queue in settings.queues.items():
        if queue.runner not in settings.runner:
            known = ", ".join(sorted(settings.runner)) or "a runner, which needs a table"
            problem = no_such(f"runner as {queue.runner}", queue.runner, settings.runner)
            faults.add(("queues", name), problem, f"one of {known}")
    for name in settings.runner:
        if name not in used:
            faults.add(("runner", name), "no queue uses this runner", "used by a queue, or removed")
    cancels = settings.pybit.cancels
    if cancels in settings.queues:
        must = "a queue that brings nothing but orders to cancel"
        faults.add(("pybit", "cancels"), f"{cancels} is a queue of jobs too", must)


def _check_runner(
    name: str, runner: RunnerSettings, faults: Faults, check: RunnerCheck | None
) -> None:
    if check is None:
        return
    path = ("runner", name)
    if runner.folder is not None and not runner.folder.is_dir():
        faults.add((*path, "folder"), f"there is no folder {runner.folder}", "a folder here")
        return
    if runner.python is not None and not os.access(runner.python, os.X_OK):
        problem = f"{runner.python} is no program that this user may run"
        faults.add((*path, "python"), problem, "the path of an interpreter of Python")
        return
    try:
        check(name, runner)
    except SettingsError as error:
        key = str(error.facts.get("key", "runner"))
        with suppress(ValueError):
            key = key[key.index(f"runner.{name}.") + len(f"runner.{name}.") :]
        faults.add((*path, *key.split(".")), str(error.facts["problem"]), str(error.facts["must"]))
