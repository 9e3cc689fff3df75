"""The client of a console, for programs that use asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, JsonValue, ValidationError

from baton.bus.plans import Plan
from baton.client.errors import UnexpectedAnswer
from baton.client.events import frames
from baton.client.http import Http
from baton.client.models import AskResult, CommandHelp, Frame, Job, JobPage, LoggedLine, PlanSaid
from baton.client.retries import Patience
from baton.client.settings import ClientSettings, load_client

M = TypeVar("M", bound=BaseModel)


class Client:
    """Asks and reads what a console has. Use it with `async with`.

    Without `settings` it uses those of the environment and of `baton login`. Every method raises
    errors of `baton.client.errors`, and UsageError for what cannot be understood.
    """

    def __init__(
        self,
        settings: ClientSettings | None = None,
        *,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = Http(settings or load_client(), patience or Patience(), transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.close()

    @property
    def url(self) -> str:
        """The address of the console."""
        return self._http.url

    async def ask(self, text: str, *, key: str = "") -> AskResult:
        """Ask `text`, in the words of the chat: `deploy shop prod`. Return the answer at once.

        The same `key` twice is the same ask: it starts nothing new.
        """
        return self._as(AskResult, await self._http.post("/asks", {"text": text}, key=key))

    async def why(self, text: str) -> PlanSaid:
        """Return what `text` would meet, gate by gate. Nothing is asked."""
        return self._as(PlanSaid, await self._http.post("/plans", {"text": text}))

    async def job(self, id: str) -> Job:
        """Return a job by its id, or by the first four characters of it or more."""
        return self._as(Job, await self._http.get(f"/jobs/{_part(id)}"))

    async def jobs(self, **filters: object) -> JobPage:
        """Return the jobs that match all `filters`: person, command, app, environment, server,
        state, since, until, q; `limit` of them, those `before` a page's `next`."""
        return self._as(JobPage, await self._http.get("/jobs", filters))

    async def watch(self, job: str, after: str | int = "") -> AsyncGenerator[Frame]:
        """Yield what is new of a job since its revision `after`, by default everything, until it
        has ended: each line once and none missing, over connections that break."""
        async with aclosing(frames(self._http, _part(job), str(after))) as all_frames:
            async for frame in all_frames:
                yield frame

    async def wait(self, job: str) -> Job:
        """Wait until a job has ended, and return it."""
        async with aclosing(self.watch(job)) as all_frames:
            async for _ in all_frames:
                pass
        return await self.job(job)

    async def log(
        self, job: str, host: str, *, attempt: int | None = None, first: int = 1, count: int = 1000
    ) -> list[LoggedLine]:
        """Return lines of a job on one server, of its last attempt if none is named: `count` of
        them from the line `first` on."""
        values = {"host": host, "attempt": attempt, "first": first, "count": count}
        page = self._as(Frame, await self._http.get(f"/jobs/{_part(job)}/log", values))
        return list(page.lines)

    async def log_text(self, job: str, host: str = "") -> str:
        """Return the whole output of a job, or of one server of it, as a text."""
        return await self._http.text(f"/jobs/{_part(job)}/log.txt", {"host": host})

    async def cancel(self, job: str) -> AskResult:
        """Cancel a job, as `/cancel` does."""
        return self._as(AskResult, await self._http.post(f"/jobs/{_part(job)}/cancel"))

    async def retry(self, job: str) -> AskResult:
        """Ask a job again for the servers where it did not succeed, with the same options."""
        return self._as(AskResult, await self._http.post(f"/jobs/{_part(job)}/retry"))

    async def repeat(self, job: str) -> AskResult:
        """Ask a job again, with the same options."""
        return self._as(AskResult, await self._http.post(f"/jobs/{_part(job)}/repeat"))

    async def approve(self, job: str, *, plan: str = "", signature: str = "") -> AskResult:
        """Approve a job that waits for others than its asker, as `/approve` does. `plan` is the
        digest of what you have seen, `signature` what `baton.bus.signing.approval` writes."""
        words = {"plan": plan.removeprefix("sha256:")[:8], "signature": signature}
        query = "&".join(f"{name}={quote(word, safe='')}" for name, word in words.items() if word)
        path = f"/jobs/{_part(job)}/approve" + (f"?{query}" if query else "")
        return self._as(AskResult, await self._http.post(path))

    async def plan(self, job: str) -> Plan | None:
        """Return the plan of a job that waits for people; None if it has none."""
        found = (await self.job(job)).hold or {}
        return self._as(Plan, found["document"]) if found.get("document") else None

    async def confirm(self, job: str) -> AskResult:
        """Confirm a job that you asked for, as `/confirm` does."""
        return self._as(AskResult, await self._http.post(f"/jobs/{_part(job)}/confirm"))

    async def deny(self, job: str, because: str = "") -> AskResult:
        """Deny a job that waits for people, as `/deny` does."""
        query = f"?because={quote(because, safe='')}" if because else ""
        return self._as(AskResult, await self._http.post(f"/jobs/{_part(job)}/deny{query}"))

    async def rollout(self, job: str, word: str, *, host: str = "") -> AskResult:
        """Say `pause`, `go-on`, `skip`, `slower` or `back` to a job that goes in waves, as
        `/rollout` does. `host` is the server to skip."""
        query = f"?word={quote(word, safe='')}" + (f"&host={quote(host, safe='')}" if host else "")
        return self._as(AskResult, await self._http.post(f"/jobs/{_part(job)}/rollout{query}"))

    async def commands(self) -> list[CommandHelp]:
        """Return the commands that can be asked."""
        return [self._as(CommandHelp, one) for one in (await self.page("commands"))["commands"]]

    async def page(self, name: str, **filters: object) -> dict[str, Any]:
        """Return what the console has under `name`: `servers`, `alerts`, `schedules`, `audit` or
        `commands`. The list itself has that name in it."""
        found = await self._http.get(f"/{name}", filters)
        if not isinstance(found, dict) or not isinstance(found.get(name), list):
            raise UnexpectedAnswer(url=self.url, reason=f"no list of {name}")
        return found

    async def me(self) -> dict[str, Any]:
        """Return the person whom the token belongs to."""
        found = await self._http.get("/me")
        if not isinstance(found, dict):
            raise UnexpectedAnswer(url=self.url, reason="no person")
        return found

    def _as(self, model: type[M], found: JsonValue) -> M:
        try:
            return model.model_validate(found)
        except ValidationError as error:
            place = ".".join(str(part) for part in error.errors()[0]["loc"])
            reason = f"{model.__name__.lower()}: {place or 'nothing usable'}"
            raise UnexpectedAnswer(url=self.url, reason=reason) from None


def _part(id: str) -> str:
    """Return `id` as one part of a path."""
    return quote(id, safe="")


async def ask_and_wait(text: str, client: Client) -> AskResult | Job:
    """Ask `text`, wait until the job that it starts has ended, and return that job; or the answer,
    if it starts none."""
    asked = await client.ask(text)
    return await client.wait(asked.job) if asked.started else asked


def ask(text: str, *, patience: Patience | None = None) -> AskResult | Job:
    """Ask `text` in the words of the chat, wait for the end, and return how it went.

    `ask("deploy shop prod").ok` is whether it succeeded on every server. What the bot answers
    itself, such as `servers`, is returned at once.
    """

    async def work() -> AskResult | Job:
        async with Client(patience=patience) as client:
            return await ask_and_wait(text, client)

    return asyncio.run(work())
