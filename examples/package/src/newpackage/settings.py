"""The settings of the command on a server."""

from baton.settings import Table
from pydantic import Field


class NewCommandSettings(Table):
    """The table `[newcommand]` of agent.toml."""

    folders: tuple[str, ...] = Field(default=("/",), min_length=1)
    most: int = Field(default=90, ge=1, le=100)
