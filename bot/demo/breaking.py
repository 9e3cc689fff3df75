"""`/demo`: break a pretend server, to see what is said of it, and mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from baton.consumer import Extension
from baton.errors import UsageError
from baton.fields import Host
from bot.asking import Ask
from bot.demo.servers import NAMES, Servers
from bot.dispatch.reply import Reply
from bot.house import HouseCommand

if TYPE_CHECKING:
    from bot.desk import Desk, Groups


def demo_command(servers: Servers) -> Extension:
    """The command, for these servers."""

    class Demo(HouseCommand):
        """Break a pretend server, as if its power had gone, or mend it."""

        name: ClassVar[str] = "demo"
        example: ClassVar[str] = "/demo break web-2"
        action: Literal["break", "mend"]
        host: Host

        async def serve(self, desk: Desk, ask: Ask, groups: Groups) -> Reply:
            """Keeps HouseCommand.serve."""
            if self.host not in NAMES:
                raise UsageError(f"There is no server “{self.host}”. Known: {', '.join(NAMES)}.")
            await desk.audit(ask, "answered")
            if self.action == "mend":
                done = await servers.mend(self.host)
                return Reply(f"{self.host} is {'starting' if done else 'not broken'}.", ok=done)
            done = await servers.break_down(self.host)
            if not done:
                return Reply(f"{self.host} is broken already: /demo mend {self.host}.", ok=False)
            return Reply(f"{self.host} is broken: wait for the alert, then /demo mend {self.host}.")

    return Extension(Demo)
