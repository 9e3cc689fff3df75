"""An agent's settings are the tables of its own file, and the variables that override them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from baton.agent.address_patterns import AddressPattern
from baton.agent.trust.allow import AllowTable
from baton.agent.trust.settings import SigningTable
from baton.bus.bounds import Interval
from baton.fields import Name
from baton.settings import BusSettings, FileSettings, ServerTable, Table


class AgentTable(Table):
    """`[agent]` is about the agent itself. `heartbeat` and `drain` are in seconds."""

    state: Path = Path("/var/lib/baton")
    heartbeat: Interval = 15.0
    drain: float = Field(default=30.0, ge=0)
    most_runs: int = Field(default=100, ge=1)


class CheckTable(Table):
    """`[checks.NAME]` is a program that probes may name. `timeout` is in seconds."""

    command: tuple[str, ...]
    timeout: float = Field(default=10.0, gt=0, le=3600)

    @field_validator("command", mode="before")
    @classmethod
    def _a_program(cls, words: object) -> object:
        if not isinstance(words, list | tuple) or not words or not words[0]:
            raise ValueError('a program as a list of words, such as ["check_disk", "-w", "10%"]')
        return words


class ProbesTable(Table):
    """`[probes]` says what probes may reach from here, in addition to this agent's own checks.

    These are patterns such as `https://*.example.com` or `db-1:5432`; without any, nothing is
    allowed.
    """

    allow: tuple[str, ...] = ()

    @field_validator("allow")
    @classmethod
    def _patterns(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        for text in allow:
            AddressPattern.parse(text)
        return allow


class AgentSettings(FileSettings):
    """The file of `baton agent` has its own tables, and one for each command that is configured."""

    model_config = SettingsConfigDict(extra="allow", frozen=True)

    bus: BusSettings = BusSettings()
    server: ServerTable = ServerTable()
    agent: AgentTable = AgentTable()
    checks: Mapping[Name, CheckTable] = Field(default_factory=dict)
    probes: ProbesTable = ProbesTable()
    signing: SigningTable = SigningTable()
    allow: AllowTable = AllowTable()

    @property
    def commands(self) -> Mapping[str, Any]:
        """Return the tables of commands, by command."""
        return self.model_extra or {}


AGENT_VARIABLES = {
    "BATON_BUS_URL": ("bus", "url"),
    "BATON_STATE": ("agent", "state"),
    "BATON_ENVIRONMENT": ("server", "environment"),
    "BATON_FQDN": ("server", "fqdn"),
    "BATON_APPS": ("server", "apps"),
}
"""Environment variables, and the key that each overrides."""
