"""Facts about this server: what it is called, which environment it is in, and what runs on it."""

from __future__ import annotations

import json
import os
import platform
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from baton.errors import SettingsError
from baton.messages import Facts, now

FACTS_KEYS = {
    "fqdn": ("fqdn", "networking.fqdn"),
    "environment": ("environment", "chef_environment", "agent_specified_environment"),
    "apps": ("apps", "app_names"),
}
"""Where ohai and facter keep what we need; the first one found counts."""


def baton_version() -> str:
    """The installed version of Baton."""
    try:
        return version("baton-chatops")
    except PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True, slots=True)
class Server:
    """This server, as its agent presents it."""

    environment: str
    fqdn: str = field(default_factory=socket.getfqdn)
    app_names: tuple[str, ...] = ()
    details: Mapping[str, JsonValue] = field(default_factory=dict)
    started: datetime = field(default_factory=now)

    def running(self, apps: Iterable[str]) -> Server:
        """The same server with `apps` on it too."""
        return replace(self, app_names=tuple(sorted({*self.app_names, *apps})))

    def facts(self, commands: Iterable[str] = ()) -> Facts:
        """What a heartbeat or a pong says of it."""
        return Facts(
            host=self.fqdn,
            environment=self.environment,
            apps=self.app_names,
            commands=tuple(sorted(commands)),
            version=baton_version(),
            started=self.started,
            details={
                "system": platform.system().lower(),
                "release": platform.release(),
                "cores": os.cpu_count(),
                "pid": os.getpid(),
                **self.details,
            },
        )

    @classmethod
    def discover(
        cls,
        configured: Mapping[str, Any],
        *,
        environ: Mapping[str, str] = os.environ,
        file: str = "the settings",
    ) -> Server:
        """The server that `configured` (the `[server]` table), the environment variables
        `BATON_ENVIRONMENT`, `BATON_FQDN` and `BATON_APPS`, and a facts file tell of.

        Variables count most, then the table, then the file. Raises SettingsError if no
        environment is named or the facts file that was named cannot be read.
        """
        facts = _read_facts(configured.get("facts_file"), file)
        environment = environ.get("BATON_ENVIRONMENT") or configured.get("environment")
        environment = environment or _fact(facts, "environment")
        if not environment:
            raise SettingsError(
                file=file,
                key="server.environment",
                problem="is not set",
                must="this server's environment, such as prod (or set BATON_ENVIRONMENT)",
            )
        fqdn = environ.get("BATON_FQDN") or configured.get("fqdn") or _fact(facts, "fqdn")
        apps = environ.get("BATON_APPS", "").replace(",", " ").split()
        apps = apps or configured.get("apps") or _fact(facts, "apps") or []
        return cls(
            environment=str(environment),
            fqdn=str(fqdn or socket.getfqdn()),
            app_names=tuple(sorted(str(app) for app in apps)),
        )


def _read_facts(path: str | None, file: str) -> Mapping[str, Any]:
    if not path:
        return {}
    try:
        facts = json.loads(Path(path).read_text())
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
