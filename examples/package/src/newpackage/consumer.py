"""What a server does when it is asked."""

import asyncio
import shutil

from baton import Consumer, Failed, Run

from newpackage.command import NewCommand
from newpackage.settings import NewCommandSettings


class NewCommandConsumer(Consumer[NewCommand]):
    """Handles each request on a server; several may run at the same time."""

    command = NewCommand
    settings_type = NewCommandSettings
    settings: NewCommandSettings

    async def process_message(self, run: Run[NewCommand]) -> None:
        """Look at each folder, and report it. Raises Failed if one is too full."""
        most = run.command.most or self.settings.most
        found: dict[str, int] = {}
        for number, folder in enumerate(self.settings.folders, 1):
            usage = await asyncio.to_thread(shutil.disk_usage, folder)
            found[folder] = round(usage.used / usage.total * 100)
            done = round(number / len(self.settings.folders) * 100)
            run.notify_info(f"{folder}: {found[folder]}%", percent=done)
        folder, percent = max(found.items(), key=lambda each: each[1])
        if percent > most:
            raise Failed(f"{folder} is {percent}% full, more than {most}%")
        run.notify_success(f"{folder} is {percent}% full", percent=100)
