"""The service is the life of an agent: connect, set up consumers, send heartbeats, drain."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from baton.agent.heartbeats import Heartbeats
from baton.agent.journal import Journal, SqliteJournal
from baton.agent.manager import ConsumerManager
from baton.agent.probing import ProbeConsumer, Prober
from baton.agent.release_reader import ReleaseReader
from baton.agent.settings import AgentSettings
from baton.agent.surveying import SurveyConsumer
from baton.agent.trust.allowance import Allowance
from baton.agent.trust.trust import Trust
from baton.bus.channel import Channel
from baton.bus.connect import connect
from baton.bus.facts import Facts
from baton.bus.lifetime import Lifetime
from baton.bus.signing.signer import UNSIGNED, Signer, signer_of
from baton.consumer import Consumer
from baton.errors import ExtensionError, SettingsError
from baton.extensions import Commands
from baton.fields import meaning
from baton.observer import LogObserver
from baton.server import Server
from baton.settings import no_such, validated

log = structlog.get_logger(__name__)


class Service:
    """An agent connects this server's consumers to RabbitMQ, until it is stopped."""

    def __init__(
        self,
        channel: Channel,
        server: Server,
        consumers: list[Consumer[Any]],
        journal: Journal,
        *,
        heartbeat: float = 15.0,
        drain: float = 30.0,
        most_runs: int = 100,
        prober: Prober | None = None,
        trust: Trust | None = None,
        allowance: Allowance | None = None,
        signer: Signer = UNSIGNED,
    ) -> None:
        self.server = server
        self.channel = channel
        self._trust = trust or Trust()
        self._allowance = allowance or Allowance()
        self.heartbeats = Heartbeats(channel, server.fqdn, self._facts, heartbeat, signer)
        self.probe_consumer = (
            None if prober is None else ProbeConsumer(channel, server, prober, signer)
        )
        self.survey_consumer = SurveyConsumer(
            channel, server, {one.consumer_name: one for one in consumers}, signer, self._allowance
        )
        self.manager = ConsumerManager(
            channel,
            server,
            consumers,
            journal,
            observers=(LogObserver(),),
            discover=self.heartbeats.request,
            probe=None if self.probe_consumer is None else self.probe_consumer.start,
            survey=self.survey_consumer.start,
            most_runs=most_runs,
            trust=self._trust,
            allowance=self._allowance,
            signer=signer,
        )
        self._releases = ReleaseReader(consumers)
        self._lifetime = Lifetime(channel, lambda: self.manager.idle)
        self._journal = journal
        self._drain = drain

    @classmethod
    async def from_settings(
        cls,
        settings: AgentSettings,
        commands: Commands,
        *,
        file: str = "the settings",
        prober: Prober | None = None,
    ) -> Service:
        """Return the agent that `settings` describe; `prober` runs its probes.

        Raises SettingsError, KeyUnusable or SigningNotInstalled before anything starts.
        """
        server = Server.discover(settings.server, file=file)
        server, consumers = set_up_consumers(server, commands, settings.commands, file)
        if not settings.bus.urls:
            raise SettingsError(
                file=file,
                key="bus.url",
                problem="is not set",
                must="a URL such as amqps://user:password@host (or set BATON_BUS_URL)",
            )
        trust, signer = Trust(settings.signing), signer_of([settings.signing.own])
        channel = await connect(settings.bus.urls, name=f"baton agent {server.fqdn}")
        # a journal that cannot be opened is no reason not to start: each request is told so
        journal = await SqliteJournal.open(journal_path(settings.agent.state, server))
        return cls(
            channel,
            server,
            consumers,
            journal,
            heartbeat=settings.agent.heartbeat,
            drain=settings.agent.drain,
            most_runs=settings.agent.most_runs,
            prober=prober,
            trust=trust,
            allowance=Allowance(settings.allow, file),
            signer=signer,
        )

    async def run(self) -> None:
        """Serve until `stop()`, then drain: finish runs within the drain time, report, and close.

        Raises BusRefused if RabbitMQ refuses this agent what it needs: at the start at once; later
        once it has refused for REFUSAL_TIMEOUT seconds and nothing runs.
        """
        self.heartbeats.listen()
        try:
            await self.manager.start()
            # only now: whoever hears of us may ask at once
            self.heartbeats.start()
            log.info(
                "agent started",
                server=self.server.fqdn,
                environment=self.server.environment,
                apps=list(self.server.app_names),
                commands=sorted(self.manager.consumers),
                bus=self.channel.url,
            )
            await self._lifetime.wait_for_end()
        finally:
            await self.manager.drain(self._drain)
            if self.probe_consumer is not None:
                await self.probe_consumer.close()
            await self.survey_consumer.close()
            await self.heartbeats.leave()
            await self.channel.close()
            await self._journal.close()
            log.info("agent stopped", server=self.server.fqdn)

    def stop(self) -> None:
        """Begin to drain."""
        self._lifetime.stop()

    def stop_on_signals(self) -> None:
        """Drain on SIGTERM, SIGINT and SIGHUP."""
        self._lifetime.stop_on_signals()

    async def _facts(self) -> Facts:
        checks = None if self.probe_consumer is None else self.probe_consumer.prober.checks
        facts = self.server.facts(self.manager.consumers, checks)
        settings = {
            f"{name}.{app}": digest
            for name, consumer in self.manager.consumers.items()
            for app, digest in consumer.settings_digests.items()
        }
        more = {
            "signing": self._trust.facts,
            "releases": await self._releases.read(),
            "settings": settings,
            "approve": self._allowance.facts,
        }
        return facts.model_copy(update=more)


def set_up_consumers(
    server: Server, commands: Commands, tables: Mapping[str, Any], file: str
) -> tuple[Server, list[Consumer[Any]]]:
    """Return the server with the apps that its consumers bring, and the consumers.

    There is a consumer of each command that servers run, each with its own table of the settings.
    Raises SettingsError for a table that belongs to no command or is invalid for its command, or if
    a heartbeat could not describe this server; ExtensionError for a command whose table would be
    one of the agent's own.
    """
    kinds = {
        name: extension.consumer
        for name, extension in commands.items()
        if extension.consumer is not None
    }
    own = {kind.settings_table or name: None for name, kind in kinds.items()}
    for table in tables:
        if table not in own and table not in commands.broken:
            known = [*AgentSettings.model_fields, *own]
            raise SettingsError(
                file=file,
                key=table,
                problem=no_such("table", table, known),
                must=f"one of {', '.join(known)}",
            )
    if taken := own.keys() & AgentSettings.model_fields.keys():
        name = min(taken)
        raise ExtensionError(name=name, reason=f"the settings of an agent have a table {name}")
    settings = {
        name: validated(kind.settings_type, tables.get(table, {}), file=file, key=table)
        for name, kind in kinds.items()
        for table in (kind.settings_table or name,)
    }
    apps = {app for name, kind in kinds.items() for app in kind(server, settings[name]).app_names}
    server = server.running(apps)
    try:
        server.facts(kinds)
    except ValidationError as error:  # or no heartbeat could ever say so
        first = error.errors(include_url=False, include_input=False)[0]
        raise SettingsError(
            file=file,
            key="server",
            problem=f"its heartbeats would be invalid ({first['loc'][0]})",
            must=meaning(first) or str(first["msg"]),
        ) from None
    return server, [kind(server, settings[name]) for name, kind in kinds.items()]


def journal_path(state: Path, server: Server) -> Path:
    """Return where the agent of `server` keeps its journal."""
    return state / f"journal-{server.fqdn}.sqlite"
