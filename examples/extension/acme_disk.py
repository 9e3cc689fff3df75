import shutil

from baton import Command, Consumer, Extension, Name, Run


class Disk(Command):
    """Say how full the disks of an environment are."""

    name = "disk"
    changes = False  # it only reads: no rule is needed, and a failure is no alert
    environment: Name


class DiskConsumer(Consumer[Disk]):
    command = Disk

    async def process_message(self, run: Run[Disk]) -> None:
        usage = shutil.disk_usage("/")
        run.notify_success(f"{usage.used / usage.total:.0%} of / is used")


extension = Extension(Disk, DiskConsumer)
