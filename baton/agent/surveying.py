"""An agent says what a command would do on its server, before anybody lets it start.

Nothing of it is stored, and nothing is changed: whoever wants to know asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from baton.agent.output import key_of
from baton.agent.trust.allowance import Allowance
from baton.bus.api import API, time_to_live
from baton.bus.channel import Channel
from baton.bus.exchanges import OUTPUT
from baton.bus.messages import Survey, Surveyed
from baton.bus.plans import SurveyFacts
from baton.bus.signing.signer import UNSIGNED, Signer
from baton.consumer import Consumer
from baton.errors import BatonError
from baton.server import Server

log = structlog.get_logger(__name__)

MAX_CONCURRENT = 4
"""Surveys at a time on one agent; more wait, until their deadline."""
MOST_WAITING = 100
"""Surveys that are here at a time; whoever sends more hears nothing of the rest."""
LONGEST = 60.0
"""Seconds, at most, until whose deadline one is answered."""


class SurveyConsumer:
    """The consumer of surveys asks that of `consumers` which would do it, and reports what it
    says, signed by `signer`. What `allowance` allows nobody is reported as that: people should not
    approve what would be refused."""

    def __init__(
        self,
        channel: Channel,
        server: Server,
        consumers: Mapping[str, Consumer[Any]],
        signer: Signer = UNSIGNED,
        allowance: Allowance | None = None,
    ) -> None:
        self._allowance = allowance or Allowance()
        self._api = API(channel, signer)
        self._server = server
        self._consumers = consumers
        self._free = asyncio.Semaphore(MAX_CONCURRENT)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, survey: Survey) -> None:
        """Find it out, and report it."""
        if len(self._tasks) >= MOST_WAITING:
            log.warning("a survey is left out: too many wait", survey=survey.id)
            return
        task = asyncio.create_task(self._run(survey), name=f"survey {survey.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End those in progress; nothing is reported of them."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, survey: Survey) -> None:
        try:
            async with asyncio.timeout(min(time_to_live(survey) or 0.0, LONGEST)), self._free:
                facts = await self._found(survey)
        except TimeoutError:
            log.warning("a survey did not end in time", survey=survey.id)
            return
        said = Surveyed(
            source=self._server.fqdn,
            survey=survey.id,
            host=self._server.fqdn,
            environment=self._server.environment,
            facts=facts,
        )
        try:
            await self._api.publish(OUTPUT, key_of(said), said, timeout=5.0)
        except BatonError as error:
            log.warning("the result of a survey was not sent", survey=survey.id, error=str(error))

    async def _found(self, survey: Survey) -> SurveyFacts:
        server = self._server
        if survey.host != server.fqdn or survey.environment != server.environment:
            where = f"{survey.host} in {survey.environment}"
            return SurveyFacts(problem=f"it is meant for {where}, not for this server")
        consumer = self._consumers.get(survey.command)
        if consumer is None:
            return SurveyFacts(problem=f"{survey.command} is not installed on this server")
        try:
            command = consumer.command.from_arguments(survey.arguments)
            if forbidden := self._allowance.never(command):
                return SurveyFacts(problem=forbidden)
            return await consumer.survey(command)
        except BatonError as error:  # what it says would be the reason of its refusal
            return SurveyFacts(problem=str(error))
        except Exception as error:  # whoever asked must hear that it cannot be said
            log.exception("a survey failed", survey=survey.id)
            return SurveyFacts(problem=f"the survey itself failed: {type(error).__name__}")
