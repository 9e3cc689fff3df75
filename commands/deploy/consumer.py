"""The consumer takes a request to deploy: step 3 of the path (run).

It refuses what this server is not configured for, and a second deploy at the same time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import ClassVar

from typing_extensions import override

from baton.bus.facts import ReleaseFacts
from baton.bus.plans import SurveyFacts
from baton.command import Command
from baton.errors import Failed
from baton.run import Run
from commands.deploy.app_consumer import AppConsumer
from commands.deploy.command import Deploy
from commands.deploy.deployment import Deployment
from commands.deploy.lock import LockNote, deploy_lock
from commands.deploy.releases import Releases, cannot
from commands.deploy.source import DEFAULT
from commands.deploy.survey import DeploySurvey, settings_digest


class DeployConsumer(AppConsumer[Deploy]):
    """The consumer deploys the apps that its settings name."""

    command: ClassVar[type[Command]] = Deploy

    @property
    @override
    def app_names(self) -> Iterable[str]:
        """Return the apps that can be deployed here: they run here."""
        return self._apps

    @property
    @override
    def settings_digests(self) -> Mapping[str, str]:
        """Return the digest of the settings of each app."""
        return {app: settings_digest(settings) for app, settings in self._apps.items()}

    @override
    async def survey(self, command: Deploy) -> SurveyFacts:
        """Return which commit would be live, and what is. Raises Refused."""
        settings = self.settings_of(command)
        values = {
            "app": command.app,
            "environment": command.environment,
            "host": self.server.fqdn,
        }
        return await DeploySurvey(settings, values).facts(command.ref or settings.ref)

    @override
    def releases(self) -> Mapping[str, ReleaseFacts]:
        found = {}
        for app, settings in self._apps.items():
            with contextlib.suppress(OSError):
                live = Releases(settings.path).live()
                if live is not None:
                    found[app] = live
        return found

    @override
    async def process_message(self, run: Run[Deploy]) -> None:
        """Deploy what is requested. Raises Refused, or Failed with the reason why it is not
        live."""
        command = run.command
        settings = self.settings_of(command)
        approved = self.approved(run, settings)
        pinned = "" if approved is None else approved.commit
        note = LockNote(
            job=run.request.job,
            requester=run.request.requester.label,
            what=" ".join(filter(None, (command.app, _named(command.ref or settings.ref)))),
            since=f"{self._clock():%H:%M:%S} UTC",
        )
        try:
            settings.path.mkdir(parents=True, exist_ok=True)
            with deploy_lock(settings.path, note) as lock:
                await Deployment(run, settings, lock, self._clock, pinned).carry_out()
        except OSError as error:
            raise Failed(cannot(error, settings.path)) from error


def _named(ref: str) -> str:
    """`ref` for people; empty for the default, which has no name yet."""
    return "" if ref == DEFAULT else ref
