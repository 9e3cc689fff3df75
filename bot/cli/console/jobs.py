"""`baton jobs | log | cancel | approve | confirm | deny | rollout | retry`."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baton.errors import UsageError
from baton.timing import durations
from bot.cli.console.chat import WatchOption
from bot.cli.console.session import ConsoleSession, JsonOption, run, say, show, show_json
from bot.cli.console.table import table
from bot.cli.console.watching import answer, view, watch
from bot.jobs import SHORT_ID
from bot.rollout.said import Word

if TYPE_CHECKING:
    from baton.client import Job

JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", help="The id of a job, or its first 4 characters or more.")
]
SinceOption = Annotated[
    str, typer.Option(help="Asked since then: 2h (ago), 2026-11-26, 2026-11-26T09:00.")
]
UntilOption = Annotated[str, typer.Option(help="Asked before then.")]
LimitOption = Annotated[int, typer.Option(min=1, max=200, help="How many at most.")]
BeforeOption = Annotated[str, typer.Option(help="The next page, as the last one says.")]
LINES = 1000
"""Lines that are read at a time."""


def jobs(
    person: Annotated[str, typer.Option(help="Who asked: a name or an id.")] = "",
    command: Annotated[str, typer.Option(help="A command, such as deploy.")] = "",
    app: Annotated[str, typer.Option(help="An app.")] = "",
    environment: Annotated[str, typer.Option("--environment", "--env", help="Where.")] = "",
    server: Annotated[str, typer.Option(help="A server that it was for.")] = "",
    state: Annotated[
        str,
        typer.Option(
            help="open, succeeded, unsuccessful, went-wrong, or a state of a server: failed."
        ),
    ] = "",
    since: SinceOption = "",
    until: UntilOption = "",
    text: Annotated[str, typer.Option("--text", help="Part of what was asked.")] = "",
    limit: LimitOption = 20,
    before: BeforeOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show the latest jobs, and how they went."""

    async def work(session: ConsoleSession) -> int:
        page = await session.client.jobs(
            person=person,
            command=command,
            app=app,
            environment=environment,
            server=server,
            state=state,
            since=sent(since),
            until=sent(until),
            q=text,
            limit=limit,
            before=before,
        )
        if as_json:
            show_json(page.model_dump(mode="json"))
            return 0
        if not page.jobs:
            show("There are no such jobs.")
            return 0
        for line in table(("job", "asked", "command", "by", "result"), list(map(_row, page.jobs))):
            show(line)
        if page.next:
            say(f"There are more: add --before {page.next}")
        return 0

    run(work)


def sent(text: str) -> str | None:
    """Return the time that `text` says, as the console reads it. Raises UsageError."""
    found = moment(text, datetime.now().astimezone())
    return None if found is None else found.isoformat()


def _row(job: Job) -> tuple[object, ...]:
    states = [f"{count} {state}" for state, count in sorted(job.states.items())]
    return (job.id[:SHORT_ID], job.asked, job.title, job.by, states)


def moment(text: str, now: datetime) -> datetime | None:
    """Return the time that `text` says: `2h` is two hours ago; a date, or a date and a time, are
    of this computer's time zone. Raises UsageError."""
    if not text:
        return None
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(text).astimezone()
    try:
        return now - timedelta(seconds=durations.parse(text))
    except (ValueError, OverflowError):
        raise UsageError(
            f"“{text}” is no time. Give how long ago, such as 2h, or a date, such as 2026-11-26 or "
            "2026-11-26T09:00."
        ) from None


def log(
    job: JobArgument,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")
    ] = False,
    host: Annotated[str, typer.Option(help="Only the output of this server.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show the output of a job. With -f the exit code is that of the job."""

    async def work(session: ConsoleSession) -> int:
        if follow:
            return await watch(session, job, view(as_json, host))
        if as_json:
            found = await session.client.job(job)
            for run in found.runs:
                if host in ("", run.host):
                    await _lines(session, found.id, run.host, run.attempt)
            return 0
        typer.echo(await session.client.log_text(job, host), nl=False)
        return 0

    run(work)


async def _lines(session: ConsoleSession, job: str, host: str, attempt: int) -> None:
    first = 1
    while True:
        found = await session.client.log(job, host, attempt=attempt, first=first, count=LINES)
        for line in found:
            show_json(line.model_dump(mode="json"))
        if len(found) < LINES:
            return
        first = found[-1].line + 1


def cancel(job: JobArgument, as_json: JsonOption = False) -> None:
    """Cancel a job."""

    async def work(session: ConsoleSession) -> int:
        asked = await session.client.cancel(job)
        return await answer(session, asked, follow=False, as_json=as_json)

    run(work)


def approve(
    job: JobArgument,
    sign: Annotated[
        bool, typer.Option("--sign", help="Sign its plan too, with the key in your ssh-agent.")
    ] = False,
    key: Annotated[
        Path | None,
        typer.Option(help="Sign with the private key in this file, or the one of this .pub file."),
    ] = None,
    follow: WatchOption = False,
    as_json: JsonOption = False,
) -> None:
    """Approve a job that waits for others than its asker.

    Servers that count approvals themselves ([allow] approve) want it signed. What would change is
    shown first.
    """

    async def work(session: ConsoleSession) -> int:
        plan = signature = ""
        if sign or key is not None:
            from bot.cli.console.approving import signature_of

            plan, signature = await signature_of(session.client, job, key)
        asked = await session.client.approve(job, plan=plan, signature=signature)
        return await answer(session, asked, follow=follow, as_json=as_json)

    run(work)


def confirm(job: JobArgument, follow: WatchOption = False, as_json: JsonOption = False) -> None:
    """Confirm a job that you asked for."""

    async def work(session: ConsoleSession) -> int:
        asked = await session.client.confirm(job)
        return await answer(session, asked, follow=follow, as_json=as_json)

    run(work)


def deny(
    job: JobArgument,
    because: Annotated[str, typer.Option(help="Why, for whoever asked.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Deny a job that waits for people. It ends; nothing is sent."""

    async def work(session: ConsoleSession) -> int:
        asked = await session.client.deny(job, because)
        return await answer(session, asked, follow=False, as_json=as_json)

    run(work)


def rollout(
    job: JobArgument,
    word: Annotated[Word, typer.Argument(help="What is to become of it.")],
    host: Annotated[str, typer.Option(help="The server to skip.")] = "",
    follow: WatchOption = False,
    as_json: JsonOption = False,
) -> None:
    """Pause a job that goes in waves, let it go on, or take it back.

    pause: no other server begins. go-on: it goes on after a pause or a question. skip: the server
    in --host stays as it is. slower: waves of half the size. back: what succeeded is taken back.
    """

    async def work(session: ConsoleSession) -> int:
        if word is Word.SKIP and not host:
            raise UsageError(f"Which server? baton rollout {job} skip --host web-7", field="host")
        asked = await session.client.rollout(job, word.value, host=host)
        return await answer(session, asked, follow=follow, as_json=as_json)

    run(work)


def retry(
    job: JobArgument,
    all_servers: Annotated[bool, typer.Option("--all", help="On all its servers.")] = False,
    follow: WatchOption = False,
    as_json: JsonOption = False,
) -> None:
    """Repeat a job where it did not succeed.

    Only on those servers, with the same options.
    """

    async def work(session: ConsoleSession) -> int:
        again = session.client.repeat if all_servers else session.client.retry
        asked = await again(job)
        return await answer(session, asked, follow=follow, as_json=as_json)

    run(work)
