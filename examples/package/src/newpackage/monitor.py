"""A program that listens to what all servers say, and prints which failed."""

from baton import Monitor, State, Update


class NewCommandMonitor(Monitor):
    """Prints each server on which the command failed."""

    name = "new-package"

    async def on_update(self, update: Update) -> None:
        """Receive what a server says about a request."""
        if update.command == "newcommand" and update.state is State.FAILED:
            print(f"{update.host}: {update.text}", flush=True)


main = NewCommandMonitor.main
