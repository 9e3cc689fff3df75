"""A server has facts: its name, its environment, and the apps that run on it."""

from __future__ import annotations

import json
import os
import platform
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from baton.bus.facts import Facts
from baton.bus.messages import now
from baton.errors import SettingsError
from baton.fields import Host, meaning
from baton.settings import ServerTable, validated
from baton.version import baton_version


@cache
def _machine() -> Mapping[str, JsonValue]:
    return {
        "system": platform.system().lower(),
        "release": platform.release(),
        "cores": os.cpu_count(),
    }


_HOST: TypeAdapter[str] = TypeAdapter(Host)

FACTS_KEYS = {
    "fqdn": ("fqdn", "networking.fqdn"),
    "environment": ("environment", "chef_environment", "agent_specified_environment"),
    "apps": ("apps", "app_names", "trebuchet"),
}
"""Where ohai and facter keep what we need; the first one found counts. The Ruby Baton had its apps
in `trebuchet`."""


@dataclass(frozen=True, slots=True)
class Server:
    """The name, environment and apps that a server reports to the bot."""

    environment: str
    fqdn: str = field(default_factory=lambda: own_name())
    app_names: tuple[str, ...] = ()
    details: Mapping[str, JsonValue] = field(default_factory=dict)
    started: datetime = field(default_factory=now)

    def running(self, apps: Iterable[str]) -> Server:
        """Return the same server with `apps` on it too."""
        return replace(self, app_names=tuple(sorted({*self.app_names, *apps})))

    def facts(self, commands: Iterable[str] = (), checks: Iterable[str] | None = None) -> Facts:
        """Return what a heartbeat or a pong says about it. `checks` as in Facts."""
        return Facts(
            host=self.fqdn,
            environment=self.environment,
            apps=self.app_names,
            commands=tuple(sorted(commands)),
            checks=None if checks is None else tuple(sorted(checks)),
            version=baton_version(),
            started=self.started,
            details={**_machine(), "pid": os.getpid(), **self.details},
        )

    @classmethod
    def discover(cls, configured: ServerTable, *, file: str = "the settings") -> Server:
        """Return the server that `configured`, the `[server]` table of `file`, and its facts file
        describe.

        The table has priority. An environment in a facts file counts in lower case, as people type
        it: Chef's may be called Production.

        Raises SettingsError if no environment is named, if the facts file cannot be read, or if a
        fact in it or this machine's own name is invalid.
        """
        facts = _read_facts(configured.facts_file, file)
        if facts:
            told = {name: _fact(facts, name) for name in FACTS_KEYS}
            found = {name: value for name, value in told.items() if value}
            if isinstance(found.get("environment"), str):
                found["environment"] = found["environment"].lower()
            known = validated(ServerTable, found, file=str(configured.facts_file), key="server")
            configured = known.model_copy(update=configured.model_dump(exclude_defaults=True))
        if configured.environment is None:
            raise SettingsError(
                file=file,
                key="server.environment",
                problem="is not set",
                must="this server's environment, such as prod (or set BATON_ENVIRONMENT)",
            )
        return cls(
            environment=configured.environment,
            fqdn=configured.fqdn or _usable(own_name(), file),
            app_names=tuple(sorted(configured.apps)),
        )


def own_name() -> str:
    """Return this machine's full name on the network, if it has a better one than `localhost`."""
    full = socket.getfqdn()
    return socket.gethostname() if full.partition(".")[0] == "localhost" else full


def _usable(name: str, file: str) -> str:
    """Return `name` if it is valid for everybody who reads it. Raises SettingsError."""
    try:
        return _HOST.validate_python(name)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SettingsError(
            file=file,
            key="server.fqdn",
            problem=f"is not set, and this machine's own name, {name[:64]!r}, cannot be used",
            must=f"the name of this server: {meaning(first)} (or set BATON_FQDN)",
        ) from None


def _read_facts(path: Path | None, file: str) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        problem = f"{path} cannot be read ({error})"
    else:
        if isinstance(facts, dict):
            return facts
        problem = f"{path} holds no object"
    raise SettingsError(
        file=file,
        key="server.facts_file",
        problem=problem,
        must="a JSON file such as `ohai` or `facter --json` writes",
    )


def _fact(facts: Mapping[str, Any], name: str) -> Any:
    for path in FACTS_KEYS[name]:
        found: Any = facts
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if found:
            return found
    return None
