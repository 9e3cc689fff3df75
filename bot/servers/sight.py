"""How well the bot sees the servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ServerVisibility:
    """How well we see: since when our own link is gone, if it is; since when servers are silent,
    and when those whose agents were stopped said so. `blind_because` is why it does not come back
    by itself."""

    blind_since: datetime | None = None
    silent: Mapping[str, datetime] = field(default_factory=dict)
    left: Mapping[str, datetime] = field(default_factory=dict)
    blind_because: str = ""
