"""What the consumers of deploys and rollbacks share: the settings of the apps on this server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from typing_extensions import override

from baton.bus.messages import now
from baton.bus.plans import SurveyFacts
from baton.command import Command
from baton.consumer import Consumer, TimeLimit
from baton.errors import Refused
from baton.run import C, Run
from baton.server import Server
from baton.text.words import did_you_mean
from commands.deploy.settings import AppSettings, DeploySettings
from commands.deploy.survey import settings_digest


class AppConsumer(Consumer[C]):
    """The base of what changes which release of an app is live, by the tables `[deploy.APP]`."""

    settings_type = DeploySettings
    settings_table: ClassVar[str] = "deploy"

    def __init__(
        self, server: Server, settings: Any = None, clock: Callable[[], datetime] = now
    ) -> None:
        super().__init__(server, settings)
        self._apps: dict[str, AppSettings] = settings.root if settings is not None else {}
        self._clock = clock

    @override
    def time_limit(self, run: Run[C]) -> TimeLimit:
        """Return what the settings of the app say, whatever the request says: they know its
        steps."""
        app = run.command.target.app or ""
        settings = self._apps.get(app)
        if settings is None:
            return super().time_limit(run)
        setting = f"timeout of [deploy.{app}]"
        return TimeLimit(settings.timeout, setting, settings.rollback_time)

    def approved(self, run: Run[C], settings: AppSettings) -> SurveyFacts | None:
        """Return what was approved for this server; None if nobody was asked.

        Raises Refused if these are not the settings that were approved, or if what would change
        could not be known then: nobody agreed to whatever it is now.
        """
        plan = run.request.plan
        approved = None if plan is None else plan.of_host(self.server.fqdn)
        if approved is None:
            return None
        if approved.problem:
            raise Refused(
                "What would change here could not be known when it was approved "
                f"({approved.problem}). Nothing was changed. Ask for it again."
            )
        mine = settings_digest(settings)
        if approved.settings != mine:
            raise Refused(
                f"The settings of {run.command.target.app} on this server are not those that were "
                f"approved ({mine[:15]}, approved: {approved.settings[:15] or 'none'}). Nothing "
                "was changed. Ask for it again."
            )
        return approved

    def settings_of(self, command: Command) -> AppSettings:
        """Return the settings of the app that `command` is for. Raises Refused if this server has
        none, or is in another environment."""
        app, environment = command.target.app or "", command.target.environment
        if environment != self.server.environment:
            raise Refused(f"This server is in {self.server.environment}, not {environment}.")
        settings = self._apps.get(app)
        if settings is None:
            names = ", ".join(sorted(self._apps))
            known = f"configured: {names}" if names else "none configured"
            raise Refused(
                f"This server has no [deploy.{app}] in its configuration ({known})."
                + did_you_mean(app, self._apps)
            )
        return settings
