"""What a worker does with the jobs of a runner `newcommand!FOLDER`."""

import asyncio
import shutil

from baton import Failed
from baton.errors import SettingsError
from baton.settings import Table
from baton.worker.processors.protocol import Output, Result, RunnerSettings, Work
from pydantic import Field, ValidationError


class NewCommandRunnerSettings(Table):
    """The table `settings` of the runner."""

    most: int = Field(default=90, ge=1, le=100)


class NewCommandProcessor:
    """Does one job after the other, or several at the same time if the runner allows it."""

    def __init__(self, folder: str, most: int) -> None:
        self.folder = folder
        self.most = most

    async def run(self, work: Work, output: Output) -> Result:
        """Look at the folder. Raises Failed if its disk is too full."""
        usage = await asyncio.to_thread(shutil.disk_usage, self.folder)
        percent = round(usage.used / usage.total * 100)
        output.log(f"{usage.used} of {usage.total} bytes are used")
        if percent > self.most:
            raise Failed(f"{self.folder} is {percent}% full, more than {self.most}%")
        return Result(text=f"{self.folder} is {percent}% full")


def factory(settings: RunnerSettings, arguments: str) -> NewCommandProcessor:
    """Return what does the jobs; `arguments` is what stands after the `!`. Raises SettingsError."""
    try:
        table = NewCommandRunnerSettings.model_validate(settings.settings)
    except ValidationError as error:
        wrong = error.errors()[0]
        key = ".".join(["settings", *map(str, wrong["loc"])])
        raise SettingsError(
            file="worker.toml", key=key, problem="it is not valid", must=wrong["msg"]
        ) from None
    return NewCommandProcessor(arguments, table.most)
