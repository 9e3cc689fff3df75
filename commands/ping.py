"""`/ping ENV` checks that every agent of an environment responds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from baton.bus.messages import Pong, State
from baton.command import Command, Reach
from baton.consumer import Consumer, Extension
from baton.errors import Refused
from baton.fields import Host, Name, Positional
from baton.outcome import Outcome, RunReport, brief, named
from baton.run import Run


class Ping(Command):
    """Check that the agents of an environment respond.

    Shows how many servers responded and how fast, and which did not.
    """

    name: ClassVar[str] = "ping"
    reach: ClassVar[Reach] = Reach.ALL
    example: ClassVar[str] = "/ping prod"
    accept_within: ClassVar[float] = 5.0
    timeout: ClassVar[float] = 10.0
    changes: ClassVar[bool] = False

    environment: Name = Field(description="the environment to check, such as prod")
    host: Annotated[Host | None, Positional] = Field(None, description="this server only")

    @override
    def outcome(self, runs: Sequence[RunReport]) -> Outcome:
        """Return `5 of 6 answered, p50 12 ms, max 40 ms; missing: web-6`."""
        if not runs:
            return Outcome(f"no agent in {self.environment} was pinged")
        answered = [run for run in runs if run.state is State.SUCCEEDED]
        ended = [run for run in runs if run.state.final and run not in answered]
        unsent = [run for run in ended if not run.sent]
        if len(unsent) == len(runs):
            return Outcome(unsent[0].text)
        refused = [run.host for run in ended if run.state is State.REFUSED]
        stopped = [run.host for run in ended if run.state is State.CANCELLED]
        missing = [run.host for run in ended if run.sent and run.host not in {*refused, *stopped}]
        if len(answered) + len(ended) < len(runs):
            # while others may still answer, one that was late is not missing yet
            late = {run.host for run in ended if run.state is State.EXPIRED}
            missing = [host for host in missing if host not in late]
        summary = f"{len(answered)} of {len(runs)} answered"
        took = [run.seconds for run in answered if run.seconds is not None]
        if took:
            summary += f", p50 {brief(statistics.median(took))}, max {brief(max(took))}"
        said = [("missing", missing), ("refused", refused), ("cancelled", stopped)]
        said += [("not sent", [run.host for run in unsent])]
        summary += "".join(f"; {what}: {named(hosts)}" for what, hosts in said if hosts)
        return Outcome(summary)


class PingConsumer(Consumer[Ping]):
    """The consumer answers with the facts of this server."""

    command: ClassVar[type[Command]] = Ping

    @override
    async def process_message(self, run: Run[Ping]) -> None:
        """Answer with a pong; refuse if the request is for another server."""
        if run.command.host not in (None, self.server.fqdn):
            raise Refused(f"This is {self.server.fqdn}, not {run.command.host}.")
        run.answer(
            Pong(
                source=run.host,
                job=run.request.job,
                request=run.request.id,
                attempt=run.request.attempt,
                facts=self.server.facts(),
            )
        )


extension = Extension(Ping, PingConsumer)
