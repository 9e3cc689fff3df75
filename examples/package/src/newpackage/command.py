"""What people type: the fields are the arguments, the docstring is the help."""

from baton import Command, Name
from pydantic import Field


class NewCommand(Command):
    """Say how full the disks of an environment are.

    A server fails if one of its disks is too full.
    """

    name = "newcommand"
    example = "newcommand prod --most 80"
    changes = False  # it only reads: no rule is needed, and a failure is no alert

    environment: Name = Field(description="The environment whose servers are asked.")
    most: int | None = Field(
        default=None, ge=1, le=100, description="Percent; by default what the server says."
    )
