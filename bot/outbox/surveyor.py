"""Asks servers what a job would do on them, before people let it start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

import structlog

from baton.bus.api import API
from baton.bus.channel import Channel
from baton.bus.exchanges import INPUT, host_key
from baton.bus.messages import Survey, Surveyed, now
from baton.bus.plans import SurveyFacts
from baton.bus.signing.signer import UNSIGNED, Signer
from baton.errors import Unroutable
from bot.jobs import Job

log = structlog.get_logger(__name__)

ANSWER_TIMEOUT = 20.0
"""Seconds for which servers are waited for: a repository may be slow."""
AT_ONCE = 200
"""Servers that are asked at a time."""


class Surveyor:
    """Asks agents on `channel`, in the name of `source`; `signer` signs what it asks."""

    def __init__(
        self,
        channel: Channel,
        source: str,
        clock: Callable[[], datetime] = now,
        signer: Signer = UNSIGNED,
        timeout: float = ANSWER_TIMEOUT,
    ) -> None:
        self._channel = channel
        self._api = API(channel, signer)
        self._source = source
        self._clock = clock
        self._timeout = timeout
        self._free = asyncio.Semaphore(AT_ONCE)
        self._asked: dict[str, asyncio.Future[Surveyed]] = {}

    def receive(self, said: Surveyed) -> None:
        """Take the answer of an agent. One that nobody waits for any more is dropped."""
        future = self._asked.get(said.survey)
        if future is not None and not future.done():
            future.set_result(said)

    async def ask(self, job: Job, hosts: Collection[str]) -> Mapping[str, SurveyFacts | None]:
        """Return what each of `hosts` says that `job` would do on it: None if it does not answer.
        Raises BatonError if nobody can be asked."""
        await self._channel.wait_up()
        answers = await asyncio.gather(*(self._one(job, host) for host in hosts))
        return dict(zip(hosts, answers, strict=True))

    async def _one(self, job: Job, host: str) -> SurveyFacts | None:
        at = self._clock()
        environments = job.hold.environments if job.hold is not None else {}
        survey = Survey(
            source=self._source,
            time=at,
            job=job.id,
            host=host,
            environment=environments.get(host, job.environment),
            command=job.command,
            arguments=job.arguments,
            deadline=at + timedelta(seconds=self._timeout),
        )
        future = asyncio.get_running_loop().create_future()
        self._asked[survey.id] = future
        try:
            async with self._free:
                await self._api.publish(INPUT, host_key(host), survey, mandatory=True)
                async with asyncio.timeout(self._timeout):
                    said: Surveyed = await future
            if said.host != host:
                log.warning("a survey was answered by another server", host=host, by=said.host)
                return None
            return said.facts
        except (Unroutable, TimeoutError):
            return None
        finally:
            del self._asked[survey.id]
