"""The consumer takes a request to deploy: step 3 of the path (run).

It refuses what this server is not configured for, and a second deploy at the same time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from typing_extensions import override

from baton.bus.messages import ReleaseFacts, now
from baton.bus.plans import SurveyFacts
from baton.command import Command
from baton.consumer import Consumer, TimeLimit
from baton.errors import Failed, Refused
from baton.run import Run
from baton.server import Server
from baton.text.words import did_you_mean
from commands.deploy.command import Deploy
from commands.deploy.deployment import Deployment
from commands.deploy.lock import LockNote, deploy_lock
from commands.deploy.releases import Releases, cannot
from commands.deploy.settings import AppSettings, DeploySettings
from commands.deploy.source import DEFAULT
from commands.deploy.survey import DeploySurvey, settings_digest


class DeployConsumer(Consumer[Deploy]):
    """The consumer deploys the apps that its settings name."""

    command: ClassVar[type[Command]] = Deploy
    settings_type = DeploySettings

    def __init__(
        self, server: Server, settings: Any = None, clock: Callable[[], datetime] = now
    ) -> None:
        super().__init__(server, settings)
        self._apps: dict[str, AppSettings] = settings.root if settings is not None else {}
        self._clock = clock

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
        settings = settings_of(command.app, command.environment, self._apps, self.server)
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
    def time_limit(self, run: Run[Deploy]) -> TimeLimit:
        """Return what the settings of the app say, whatever the request says: they know its
        steps."""
        settings = self._apps.get(run.command.app)
        if settings is None:
            return super().time_limit(run)
        setting = f"timeout of [deploy.{run.command.app}]"
        return TimeLimit(settings.timeout, setting, settings.rollback_time)

    @override
    async def process_message(self, run: Run[Deploy]) -> None:
        """Deploy what is requested. Raises Refused, or Failed with the reason why it is not
        live."""
        command = run.command
        settings = settings_of(command.app, command.environment, self._apps, self.server)
        pinned = self._pinned(run, settings)
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

    def _pinned(self, run: Run[Deploy], settings: AppSettings) -> str:
        """Return the commit that was approved; empty if nobody was asked, or if it could not be
        known then.

        Raises Refused if these are not the settings that were approved.
        """
        plan = run.request.plan
        approved = None if plan is None else plan.of_host(self.server.fqdn)
        if approved is None:
            return ""
        mine = settings_digest(settings)
        if approved.settings != mine:
            raise Refused(
                f"The settings of {run.command.app} on this server are not those that were "
                f"approved ({mine[:15]}, approved: {approved.settings[:15] or 'none'}). Nothing "
                "was changed. Ask for it again."
            )
        return approved.commit


def settings_of(
    app: str, environment: str, apps: Mapping[str, AppSettings], server: Server
) -> AppSettings:
    """Return the settings of `app`, of those of `apps` that `server` has. Raises Refused if it has
    none, or if it is in another environment."""
    if environment != server.environment:
        raise Refused(f"This server is in {server.environment}, not {environment}.")
    settings = apps.get(app)
    if settings is None:
        known = f"configured: {', '.join(sorted(apps))}" if apps else "none configured"
        raise Refused(
            f"This server has no [deploy.{app}] in its configuration ({known})."
            + did_you_mean(app, apps)
        )
    return settings


def _named(ref: str) -> str:
    """`ref` for people; empty for the default, which has no name yet."""
    return "" if ref == DEFAULT else ref
