"""Step 1 of the path, asking: what somebody typed or pressed is brought to the desk, and they are
answered in time.

Slack waits 3 s for an answer. A slash command's own answer needs nothing but the socket, so people
read what became of their request even while the database is locked or Slack's Web API is down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import structlog

from baton.errors import BatonError
from baton.messages import Person, new_id
from baton.outcome import Answer
from bot.front import Form, Reply
from bot.jobs import Place
from bot.schedules.board import ASK
from bot.slack.desk import Desk, Groups
from bot.slack.names import as_typed
from bot.slack.payloads import Asked, Clicked
from bot.slack.people import People
from bot.slack.tasks import Tasks
from bot.slack.telling import Telling
from bot.slack.text import is_long, reply_text
from bot.view import CANCEL

log = structlog.get_logger(__name__)

BUDGET = 1.8
"""Seconds that an ask may take before the person is told that it takes longer."""
TOLD_WITHIN = 2.5
"""Seconds to tell somebody who mentioned us, before Slack is left to deliver the mention again."""

LATER = (
    "This takes longer than usual: whether it was taken is not known yet. You will be told here; "
    "please do not ask again until then."
)


class Untold(BatonError):
    """Nobody could be told what became of {key}: Slack is to deliver it again."""


class Asking:
    """Brings people's words to the desk, and its replies to people."""

    def __init__(
        self, desk: Desk, people: People, telling: Telling, tasks: Tasks, budget: float = BUDGET
    ) -> None:
        self._desk = desk
        self._people = people
        self._telling = telling
        self._tasks = tasks
        self._budget = budget

    async def command(self, asked: Asked) -> str:
        """What is answered to a slash command, as mrkdwn, within the budget; never raises."""
        reply = await self._in_time(asked)
        if reply is None:
            return LATER
        self._give_document(asked.person, asked.place, reply)
        return self._worded(reply)

    async def mention(self, asked: Asked) -> None:
        """Take what was said to us in a channel; returns once it is kept, or the person was told.

        Raises Untold if it was not taken and the person could not be told either.
        """
        reply = await self._reply(self._route(asked), asked.key)
        self._give_document(asked.person, asked.place, reply)
        telling = self._telling.tell
        if reply.ok:
            if _says_something(reply):
                self._tasks.start(telling(asked.person, asked.place, self._worded(reply)))
        elif not await telling(asked.person, asked.place, self._worded(reply), TOLD_WITHIN):
            raise Untold(key=asked.key)

    async def click(self, clicked: Clicked) -> None:
        """Take a pressed button; what there is to say goes to the one who pressed it."""
        person, place = clicked.person, clicked.place
        pressed = self._pressed(clicked)
        if pressed is None:
            log.warning("a button of ours is not known", action=clicked.action)
            reply: Reply | None = Reply("This button is of another version of the bot.", ok=False)
        else:
            work = self._tasks.run(self._reply(pressed, clicked.value))
            reply = await self._within_budget(work)
            if reply is None:
                self._tasks.start(self._tell_later(person, place, work))
        if reply is not None and reply.form is not None and clicked.trigger:
            self._tasks.start(self._open(clicked, reply.form, reply))
        elif reply is not None and (not reply.ok or _says_something(reply)):
            self._give_document(person, place, reply)
            self._tasks.start(self._telling.tell(person, place, self._worded(reply)))

    def _pressed(self, clicked: Clicked) -> Awaitable[Reply] | None:
        """What the button asks of the desk; None if it is not one of ours."""
        person, place, groups = clicked.person, clicked.place, self._groups(clicked.person)
        if clicked.action == CANCEL:
            return self._desk.cancel(clicked.value, asker=person, groups=groups, place=place)
        if clicked.action.partition(".")[0] == ASK:
            return self._desk.ask(
                clicked.value, asker=person, groups=groups, place=place, key=clicked.key
            )
        return None

    async def form(self, asked: Asked) -> str:
        """Take what was said in a form; why it was not taken, or nothing if it was or may be."""
        reply = await self._in_time(asked)
        if reply is not None and not reply.ok:
            return as_typed(reply.text, self._desk.commands) or self._worded(reply)
        if reply is not None:
            self._tasks.start(self._telling.tell(asked.person, asked.place, self._worded(reply)))
        return ""

    async def _open(self, clicked: Clicked, form: Form, reply: Reply) -> None:
        if not await self._telling.open(clicked.trigger, form, clicked.place):
            await self._telling.tell(clicked.person, clicked.place, self._worded(reply))

    def unheard(self, asked: Asked, text: str) -> None:
        """The answer to a slash command did not reach Slack: tell the person in another way."""
        self._tasks.start(self._telling.tell(asked.person, asked.place, text))

    async def _in_time(self, asked: Asked) -> Reply | None:
        work = self._tasks.run(self._reply(self._route(asked), asked.key))
        reply = await self._within_budget(work)
        if reply is None:
            log.warning("an ask takes long", key=asked.key, budget=self._budget)
            self._tasks.start(self._tell_later(asked.person, asked.place, work))
        return reply

    async def _within_budget(self, work: asyncio.Task[Reply]) -> Reply | None:
        await asyncio.wait({work}, timeout=self._budget)
        return work.result() if work.done() else None

    async def _tell_later(self, person: Person, place: Place, work: asyncio.Task[Reply]) -> None:
        reply = await work
        self._give_document(person, place, reply)
        await self._telling.tell(person, place, self._worded(reply))

    async def _route(self, asked: Asked) -> Reply:
        first, _, rest = asked.words.partition(" ")
        person, place, rest = asked.person, asked.place, rest.strip()
        groups = self._groups(person)
        word = first.removeprefix("/").lower()
        if word in ("", "help"):
            return self._help(rest)
        if word == "cancel" and not rest and place.thread:
            return await self._desk.cancel_in_thread(place, asker=person, groups=groups)
        if word == "cancel" and not rest:
            return Reply(
                "Which job? `cancel JOB`, or `@baton cancel` in the thread of the job.", ok=False
            )
        if word == "cancel":
            return await self._desk.cancel(rest, asker=person, groups=groups, place=place)
        return await self._desk.ask(
            asked.words, asker=person, groups=groups, place=place, key=asked.key
        )

    def _help(self, name: str) -> Reply:
        known = self._desk.commands.get(name.removeprefix("/").lower())
        text = known.command.help() if known else self._desk.help()
        text = as_typed(text, self._desk.commands)
        summary, _, document = text.strip().partition("\n")
        return Reply(answer=Answer(summary, document=document.strip("\n")))

    def _groups(self, person: Person) -> Groups:
        return lambda: self._people.groups_of(person.id)

    async def _reply(self, work: Awaitable[Reply], key: str) -> Reply:
        try:
            return await work
        except BatonError as error:
            log.info("an ask was not taken", key=key, reason=str(error))
            return Reply(str(error), ok=False)
        except Exception:
            fault = new_id()[:8]
            log.exception("an ask failed", key=key, fault=fault)
            return Reply(
                f"Baton itself made a mistake (its log knows it as {fault}). Whether your request "
                "was taken is not known: look in the channel before you ask again.",
                ok=False,
            )

    def _give_document(self, person: Person, place: Place, reply: Reply) -> None:
        if reply.answer is not None and is_long(reply.answer.document):
            self._tasks.start(self._telling.hand_over(person, place, reply.answer, reply.job))

    def _worded(self, reply: Reply) -> str:
        text = reply_text(replace(reply, text=as_typed(reply.text, self._desk.commands)))
        if reply.answer is not None and is_long(reply.answer.document):
            text += "\nIt is long: you get it as a file."
        return text


def _says_something(reply: Reply) -> bool:
    return bool(reply.text or reply.answer)
