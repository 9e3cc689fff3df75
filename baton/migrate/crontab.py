"""Lines of a crontab become runners of a worker, each with the words that schedule it. Pure.

cron hands a line to a shell. A runner is no shell: what needs one is given to `sh -c` as it is.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from baton.errors import SettingsError
from baton.migrate import toml_text
from baton.migrate.change import Change, Migrated
from baton.timing.calendar import cron_error

_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_VARIABLE = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$")
_SHELL = re.compile(r"[|&;<>()$`*?~#\[\]{}!]|^\s*[A-Za-z_][A-Za-z0-9_]*=")
_INPUT = re.compile(r"(?<!\\)%")
_NOT_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class CronLine:
    """A line of a crontab: when, what, as whom if it says so, and its number."""

    cron: str
    command: str
    user: str
    line: int


@dataclass(slots=True)
class Crontab:
    """A crontab: its jobs, its variables, and the lines that cannot become a schedule."""

    jobs: list[CronLine] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    left: list[Change] = field(default_factory=list)


def read_crontab(text: str, file: str, users: Collection[str]) -> Crontab:
    """Return what is in a crontab. If the word after the time is one of `users` in each line, the
    lines name the user, as in /etc/crontab. Raises SettingsError for a line that is none."""
    found = Crontab()
    rows: list[tuple[int, str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if variable := _VARIABLE.match(line):
            found.variables[variable[1]] = variable[2].strip().strip("\"'")
            continue
        count = 1 if line.lstrip().startswith("@") else 5
        words = line.split(None, count)
        when = " ".join(words[:count])
        cron = _NAMED.get(when.lower(), when)
        if len(words) <= count:
            raise _wrong(file, number, "it has no command", "a time in five fields, and a command")
        if when.lower() == "@reboot":
            remark = "a schedule has no such time: make a unit of systemd"
            found.left.append(Change(f"line {number}: {line.strip()}", "nothing", remark))
        elif reason := cron_error(cron):
            raise _wrong(file, number, f"its time {when[:60]!r} is none ({reason})", "five fields")
        else:
            rows.append((number, cron, words[count].strip()))
    named = bool(rows) and all(command.split()[0] in users for _, _, command in rows)
    for number, cron, command in rows:
        user, command = command.split(None, 1) if named and " " in command else ("", command)
        found.jobs.append(CronLine(cron, command, user, number))
    return found


def migrate_crontab(text: str, file: str, users: Collection[str] = ()) -> Migrated:
    """Return the runners of a worker.toml for a crontab. Raises SettingsError."""
    crontab = read_crontab(text, file, users)
    changes: list[Change] = []
    tables: list[str] = []
    queues: dict[str, str] = {}
    for job in crontab.jobs:
        if _INPUT.search(job.command):
            remark = "cron gives what follows a % to the command as input: write a script for it"
            crontab.left.append(Change(f"line {job.line}: {job.command}", "nothing", remark))
            continue
        name = _name(job.command, queues)
        queues[name] = name
        summary = f"What cron ran: {job.command.replace(chr(92) + '%', '%')}"[:200]
        words = f"/schedule {name} cron {job.cron}"
        table = toml_text.table("runner", name, runner=_runner(job.command), summary=summary)
        tables.append(f"# {words}\n{table}\n{_checkin(name, job)}")
        remark = f"as {job.user}: User= in the unit of the worker" if job.user else ""
        changes.append(Change(f"line {job.line}: {job.cron}", words, remark or "type it in chat"))
    changes += [*_variables(crontab.variables), *crontab.left]
    changes.append(Change("the time zone of the host", "that of the bot", "see /schedule list"))
    parts = [
        f"# Made by `baton migrate` from {file}. Add [bus] and [worker]: see worker.toml.",
        "# A job that stays in cron can report to the bot instead: see the [[checkin]] of each.\n",
        toml_text.table("queues", **queues),
        *tables,
    ]
    return Migrated("worker.toml", "\n".join(parts), tuple(changes))


def _checkin(name: str, job: CronLine) -> str:
    """Return in comments how the job stays in cron, and the bot hears whether it succeeded."""
    table = ["[[checkin]]", *toml_text.lines({"name": name, "cron": job.cron, "token": "SECRET"})]
    asked = f"{job.command}; curl -fsS https://BATON/checkin/SECRET/$?"
    line = " ".join(part for part in (job.cron, job.user, asked) if part)
    comments = ["Or in alerts.toml:", *table, "and in cron:", line]
    return "\n".join(f"# {each}" for each in comments) + "\n"


def _runner(command: str) -> str:
    command = command.replace("\\%", "%").replace("%", "%%")
    return f"shell!sh -c {shlex.quote(command)}" if _SHELL.search(command) else f"shell!{command}"


def _name(command: str, taken: Iterable[str]) -> str:
    """Return a name for a runner: that of its program, with a number if there is such a one."""
    words = [word for word in command.split() if "=" not in word] or ["job"]
    base = _NOT_NAME.sub("-", PurePosixPath(words[0]).stem).strip("-_").lower()[:50] or "job"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def _variables(variables: dict[str, str]) -> list[Change]:
    remarks = {
        "MAILTO": "the bot posts how it ended; /mute and [[route]] say who hears of it",
        "SHELL": "a runner is no shell; what needs one is given to sh -c",
        "PATH": "Environment=PATH=... in the unit of the worker",
    }
    return [
        Change(f"{name}={value}", "nothing", remarks.get(name, "Environment= and `pass_env`"))
        for name, value in variables.items()
    ]


def _wrong(file: str, line: int, problem: str, must: str) -> SettingsError:
    return SettingsError(file=f"{file}, line {line}", key="this line", problem=problem, must=must)
