"""What rbit's settings file means: the same settings as those of a worker.toml. Pure.

`[rbit]` names the worker and its queues, `[amqp]` is RabbitMQ, and each `[runner:NAME]` is a
runner, whose settings are handed to it as they are. `[pybit]` may say where status is reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from baton.settings import no_such
from baton.text.words import nearest
from baton.worker.config.ini import DEFAULT, Ini, Option, parse, queue_mappings
from baton.worker.config.located import Path, Place
from baton.worker.settings import unused

RUNNER = "runner:"
ENVIRONMENT = "prod"
"""The environment of a worker whose file cannot say one: the one for which the least is allowed."""
TIMEOUT = "24h"
"""rbit had no limit, so old jobs get a long one."""

_KEYS = {
    "rbit": ("name", "queue-mappings"),
    "amqp": ("host", "port", "user", "password", "virtual_host"),
    "pybit": ("url", "user", "password"),
}
_LOGGING = re.compile(r"loggers|handlers|formatters|(?:logger|handler|formatter)_.+")
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(slots=True)
class RbitFile:
    """What was found in a file of rbit's.

    `tables` are those of a worker.toml, and `places` says where each of their settings stands.
    `wrong` lists what will not do: path, problem, remedy. `notes` tell what is left out, and
    `logging` has the sections about the log.
    """

    file: str
    tables: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, Place] = field(default_factory=dict)
    wrong: list[tuple[Path, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    logging: dict[str, dict[str, str]] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """Return where the setting of this path stands, or the nearest thing around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return Place("", ".".join(path))

    def fault(self, path: Path, place: Place, problem: str, must: str) -> None:
        """Add something that will not do, with its place."""
        self.places[path] = place
        self.wrong.append((path, problem, must))

    def note(self, place: Place, text: str) -> None:
        """Add something that whoever reads the file should know."""
        self.notes.append(f"{self.file}, line {place.line}: {place}: {text}")


def read_ini(data: bytes, file: str) -> RbitFile:
    """Return the settings in `data`, an INI of rbit's, with all that is wrong with it."""
    ini = parse(data)
    read = RbitFile(file)
    for fault in ini.faults:
        path = ("line", str(fault.line))
        read.fault(path, Place("", "this line", fault.line), fault.problem, fault.must)
    if ini.faults and not ini.sections:
        return read
    _sections(read, ini)
    for name in ("rbit", "amqp"):
        if name not in ini.sections:
            problem, must = "there is no such section", f"a section with {', '.join(_KEYS[name])}"
            read.fault((name,), Place(name), problem, must)
    names = _runners(read, ini)
    _rbit(read, ini, names)
    _leave_out_unused(read)
    _amqp(read, ini)
    if "pybit" in ini.sections:
        for name, option in _known(read, ini, "pybit").items():
            _put(read, ("pybit", name), Place("pybit", name, option.line), option.value)
    return read


def _sections(read: RbitFile, ini: Ini) -> None:
    for name, section in ini.sections.items():
        if _LOGGING.fullmatch(name):
            read.logging[name] = {key: option.value for key, option in ini.options(name).items()}
        elif name not in _KEYS and not name.startswith(RUNNER):
            place = Place(name, line=section.line)
            known = [*_KEYS, DEFAULT, f"runner:{_tail(name)}"]
            if nearest(name, known):
                must = "[rbit], [amqp], [pybit], [runner:NAME], [DEFAULT] or one about the log"
                read.fault(("section", name), place, no_such("section", name, known), must)
            else:
                read.note(place, "this section is not read")


def _tail(name: str) -> str:
    """Return the name of the runner if `name` is a misspelt `runner:NAME`."""
    return re.split(r"[:. _-]", name, maxsplit=1)[-1].strip() or "NAME"


def _known(read: RbitFile, ini: Ini, section: str) -> dict[str, Option]:
    """Return the options of a section that are read; tell of those that are not."""
    if section not in ini.sections:
        return {}
    keys = _KEYS[section]
    for name, option in ini.sections[section].options.items():
        place = Place(section, name, option.line)
        near = "" if name in keys else nearest(name, keys)
        if near and near not in ini.sections[section].options:
            must = f"one of {', '.join(keys)}"
            read.fault((section, name), place, no_such("key", name, keys), must)
        elif name not in keys:
            read.note(place, "this key is not read")
    return {name: option for name, option in ini.options(section).items() if name in keys}


def _runners(read: RbitFile, ini: Ini) -> dict[str, str]:
    """Put the runners; return what each is called here, by the name in the file."""
    names: dict[str, str] = {}
    read.tables["runner"] = {}
    for title, section in ini.sections.items():
        if not title.startswith(RUNNER):
            continue
        name = _NO_NAME.sub("-", title.removeprefix(RUNNER)).strip("-_")[:64]
        place = Place(title, line=section.line)
        if not name or name in names.values():
            problem = "it has no name" if not name else f"another runner is called {name} too"
            must = "a runner with a name of its own: letters, digits, - and _"
            read.fault(("section", title), place, problem, must)
            continue
        names[title.removeprefix(RUNNER)] = name
        if title.removeprefix(RUNNER) != name:
            read.note(place, f"it is called {name} here")
        _runner(read, _used(ini.options(title), section.options), name, place)
    return names


def _used(options: Mapping[str, Option], own: Mapping[str, Option]) -> dict[str, Option]:
    """Return the options of a runner without those of [DEFAULT] that it does not use: they stand
    there for others. What it does not use of its `own` is refused where the runner is made."""
    processor = options["runner"].value.partition("!")[0] if "runner" in options else ""
    left_out = {*unused(processor, options)} - {"runner", *own}
    return {key: option for key, option in options.items() if key not in left_out}


def _runner(read: RbitFile, options: Mapping[str, Option], name: str, place: Place) -> None:
    read.places["runner", name] = place
    for key, option in options.items():
        at = Place(place.section, key, option.line)
        read.places["runner", name, "settings", key] = read.places["runner", name, key] = at
    if "runner" not in options:
        read.places["runner", name, "runner"] = Place(place.section, "runner", place.line)
    settings = {key: option.value for key, option in options.items() if key != "runner"}
    table: dict[str, Any] = {"settings": settings, "timeout": TIMEOUT}
    for key in ("runner", "python"):
        if key in options:
            table[key] = options[key].value
    read.tables["runner"][name] = table


def _rbit(read: RbitFile, ini: Ini, names: Mapping[str, str]) -> None:
    options = _known(read, ini, "rbit")
    read.tables["worker"] = {"environment": ENVIRONMENT}
    if "name" in options:
        place = Place("rbit", "name", options["name"].line)
        _put(read, ("worker", "name"), place, options["name"].value)
        _put(read, ("pybit", "cancels"), place, options["name"].value)
    queues: dict[str, Any] = {}
    read.tables["queues"] = queues
    read.places["queues",] = Place("rbit", "queue-mappings", _line(ini, "rbit"))
    if "queue-mappings" not in options:
        return
    read.places["queues",] = Place("rbit", "queue-mappings", options["queue-mappings"].line)
    for queue, runner, line in queue_mappings(options["queue-mappings"]):
        place = Place("rbit", "queue-mappings", line)
        to = names.get(runner, runner)
        if not runner:
            read.note(place, f"“{queue}” is no QUEUE:RUNNER, and is left out")
        elif queue in queues and queues[queue]["runner"] != to:
            problem = f"the queue {queue} stands here twice, with {queues[queue]['runner']} too"
            read.fault(("twice", queue), place, problem, "a queue with one runner")
        else:
            queues[queue] = {"runner": to, "foreign": True}
            read.places["queues", queue] = place


def _leave_out_unused(read: RbitFile) -> None:
    """Leave out the runners that no queue uses: rbit never looked at them either."""
    used = {queue["runner"] for queue in read.tables["queues"].values()}
    if not used or not used <= read.tables["runner"].keys():
        return  # one of them may be meant by a name that is misspelt
    for name in sorted(read.tables["runner"].keys() - used):
        del read.tables["runner"][name]
        read.note(read.places["runner", name], "no queue uses this runner, and it is left out")


def _amqp(read: RbitFile, ini: Ini) -> None:
    options = _known(read, ini, "amqp")
    read.places["bus",] = Place("amqp", line=_line(ini, "amqp"))
    port = options["port"].value if "port" in options else "5672"
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536):
        place = Place("amqp", "port", options["port"].line)
        read.fault(("bus", "port"), place, f"invalid value {port[:40]!r}", "a port, such as 5672")
        return
    given = {name: option.value for name, option in options.items()}
    user, password = (quote(given.get(key, "guest"), safe="") for key in ("user", "password"))
    host = given.get("host") or "localhost"
    host = f"[{host}]" if ":" in host else host
    vhost = quote(given.get("virtual_host", "/"), safe="")
    read.tables["bus"] = {"url": f"amqp://{user}:{password}@{host}:{port}/{vhost}"}


def _put(read: RbitFile, path: tuple[str, str], place: Place, value: str) -> None:
    read.tables.setdefault(path[0], {})[path[1]] = value
    read.places[path] = place


def _line(ini: Ini, section: str) -> int:
    return ini.sections[section].line if section in ini.sections else 0
