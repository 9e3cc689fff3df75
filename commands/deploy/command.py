"""The command `deploy` is defined here, and how its outcome reads. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from baton.bus.messages import State
from baton.command import Command
from baton.fields import Host, Name, Ref
from baton.outcome import Outcome, RunReport, counted, named


class Deploy(Command):
    """Deploy a version of an app to every server that runs it.

    Each server fetches the version, runs the steps that its configuration names, switches to the
    new release and checks that the app is healthy. If it is not, the server rolls back to the
    previous release. One deploy of an app at a time runs on a server.
    """

    name: ClassVar[str] = "deploy"
    example: ClassVar[str] = "/deploy shop prod --ref v2"
    surveys: ClassVar[bool] = True
    timeout: ClassVar[float] = 3600.0
    """What the ledger goes by until the server says what its settings give the deploy."""

    app: Name = Field(description="the app to deploy")
    environment: Name = Field(description="the environment to deploy to, such as prod")
    ref: Ref | None = Field(
        None, description="a branch, tag or commit (default: what each server is configured for)"
    )
    host: Host | None = Field(None, description="this server only")

    @override
    def undo(self) -> str:
        """Return `rollback shop prod`."""
        return f"rollback {self.app} {self.environment}"

    @override
    def outcome(self, runs: Sequence[RunReport]) -> Outcome:
        """Return `v2 on 3 of 3`, or `2 of 3 succeeded, 1 failed`; and whether their commits
        differ."""
        live = [run for run in runs if run.state is State.SUCCEEDED]
        by_commit: dict[str, list[str]] = {}
        for run in live:
            by_commit.setdefault(str(run.facts.get("commit", ""))[:8], []).append(run.host)
        lines: tuple[str, ...] = ()
        if len(by_commit) > 1:
            parts = [
                f"{named(hosts)}: {commit or 'unknown'}" for commit, hosts in by_commit.items()
            ]
            lines = (f"Not the same commit everywhere ({'; '.join(parts)}).",)
        if not runs or len(live) < len(runs):
            return Outcome(counted(runs).summary, lines)
        return Outcome(f"{self._version(live)} on {len(live)} of {len(runs)}", lines)

    def _version(self, live: Sequence[RunReport]) -> str:
        refs = {str(run.facts.get("ref") or "") for run in live}
        ref = self.ref or (refs.pop() if len(refs) == 1 else "")
        commits = {str(run.facts.get("commit") or "")[:8] for run in live}
        commit = commits.pop() if len(commits) == 1 else ""
        if commit and not commit.startswith(ref[:8] or "-"):
            return f"{ref or self.app} ({commit})"
        return ref or self.app
