"""The Ruby Baton's settings file becomes an agent.toml. Pure.

A baton.cfg is YAML, of which it uses lines `KEY: value` and comments. Only these are read: a
library for all of YAML would be a dependency of every agent, for a file of eight lines.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from baton.errors import SettingsError
from baton.migrate import toml_text
from baton.migrate.change import Change, Migrated

KEY = "RABBIT_HOST"
"""The key by which such a file is known."""

_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)[ \t]*:(?:[ \t]+(.*))?$")
_QUOTED = re.compile(r"""(?:"([^"\\]*)"|'((?:[^']|'')*)')[ \t]*(?:#.*)?""")
_NOTHING = ("", "~", "null")
_NO_SCALAR = tuple("[{&*!|>%@`")

Given = dict[str, tuple[str, int]]


def read_cfg(text: str, file: str) -> Given:
    """Return the values by key, each with its line. Raises SettingsError that names the line."""
    given: Given = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#") or line.strip() in ("---", "..."):
            continue
        found = _LINE.match(line)
        if found is None:
            raise _wrong(file, number, "it is no line KEY: value", "a line such as RABBIT_HOST: mq")
        given[found[1]] = (_scalar(found[2] or "", file, number), number)
    return given


def _scalar(text: str, file: str, number: int) -> str:
    text = text.strip()
    if quoted := _QUOTED.fullmatch(text):
        return quoted[1] if quoted[1] is not None else quoted[2].replace("''", "'")
    if text[:1] in "\"'" and text:
        raise _wrong(file, number, "its quotes are not read here", "a text without escapes")
    text = "" if text.startswith("#") else re.split(r"[ \t]#", text, maxsplit=1)[0].rstrip()
    if text.startswith(_NO_SCALAR):
        raise _wrong(file, number, "it is no simple value", "a text or a number after KEY:")
    return "" if text in _NOTHING else text


def migrate_cfg(text: str, file: str) -> Migrated:
    """Return the agent.toml for a baton.cfg. Raises SettingsError for what cannot be read."""
    given = read_cfg(text, file)
    read = {name: value for name, (value, _) in given.items()}
    port = read.get("RABBIT_PORT", "")
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536):
        raise _wrong(file, given["RABBIT_PORT"][1], f"invalid port {port[:20]!r}", "1 to 65535")
    hosts = [host.strip() for host in read.get(KEY, "").split(",") if host.strip()]
    urls = [_url(host, read) for host in hosts or ["localhost"]]
    url = urls[0] if len(urls) == 1 else urls
    changes = [
        Change(name, *_AFTER.get(name, ("nothing", "it is not read here"))) for name in given
    ]
    changes.append(
        Change(
            "chef_environment of ohai, or development",
            "[server] environment",
            "set it, or name the file of ohai as facts_file",
        )
    )
    changes.append(
        Change(
            "exchanges baton_NAME_in and _out",
            "baton.in and baton.out",
            "old and new agents do not hear each other: change all of one bot together",
        )
    )
    header = f"# Made by `baton migrate` from {file}. It holds a password: chmod 600.\n"
    text = header + "\n".join(
        (
            toml_text.table("bus", url=url),
            toml_text.table("server", environment="development"),
            toml_text.table("agent", state="/var/lib/baton"),
        )
    )
    return Migrated("agent.toml", text, tuple(changes))


_AFTER = {
    KEY: ("[bus] url", "a list of hosts is a list of URLs, tried in turn"),
    "RABBIT_PORT": ("[bus] url", ""),
    "RABBIT_VHOST": ("[bus] url", ""),
    "RABBIT_USER": ("[bus] url", "each agent gets an account of its own: see README"),
    "RABBIT_PASS": ("[bus] url", "or in BATON_BUS_URL, which the unit of systemd reads"),
    "RABBIT_HEARTBEAT": ("[bus] url", "seconds, as before"),
    "PID_FILE": ("nothing", "systemd runs the agent: baton init agent writes its unit"),
    "LOG_FILE": ("nothing", "the log goes to stderr, and with systemd to its journal"),
}


def _url(host: str, given: dict[str, str]) -> str:
    user = quote(given.get("RABBIT_USER") or "guest", safe="")
    password = quote(given.get("RABBIT_PASS") or "guest", safe="")
    port = given.get("RABBIT_PORT") or "5672"
    vhost = quote(given.get("RABBIT_VHOST") or "/", safe="")
    beat = given.get("RABBIT_HEARTBEAT", "")
    options = f"?heartbeat={int(beat)}" if beat.isascii() and beat.isdecimal() else ""
    return f"amqp://{user}:{password}@{host}:{port}/{vhost}{options}"


def _wrong(file: str, line: int, problem: str, must: str) -> SettingsError:
    return SettingsError(file=f"{file}, line {line}", key="this line", problem=problem, must=must)
