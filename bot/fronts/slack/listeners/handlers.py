"""Step 1 of the path: passes what people typed or pressed to the dispatcher, and answers in
time.

Slack waits 3 s for an answer. The answer to a slash command needs nothing but the socket, so people
read what happened to their request even while the database is locked or Slack's Web API is down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace

import structlog

from baton.bus.messages import Person, new_id
from baton.errors import BatonError, UsageError
from baton.outcome import Answer
from bot.content import ASK, CANCEL, FORM
from bot.dispatch.command_form import begun, form_of
from bot.dispatch.protocol import Dispatcher, GroupLookup
from bot.dispatch.reply import Reply, ReplyKind
from bot.dispatch.thread_words import thread_words
from bot.fronts.slack.blocks.text import is_long, reply_text
from bot.fronts.slack.listeners.admission import (
    Admission,
    PrivateReply,
    WorkspaceUser,
    admit,
    by_an_app,
)
from bot.fronts.slack.listeners.command_forms import (
    AnyForm,
    FormProblem,
    form_in,
    instead_of,
    pressed_for,
    words_of,
)
from bot.fronts.slack.listeners.dedup import KeyedLock, RecentKeys
from bot.fronts.slack.listeners.names import as_typed
from bot.fronts.slack.listeners.payloads import ButtonPress, Interaction, TypedCommand
from bot.fronts.slack.listeners.people import SlackDirectory, StandingUnavailable
from bot.fronts.slack.listeners.replies import PrivateReplies
from bot.fronts.slack.tasks import BackgroundTasks
from bot.fronts.slack.web_api.identity import BotIdentity

log = structlog.get_logger(__name__)

ANSWER_TIMEOUT = 1.8
"""Seconds that an ask may take before the person is told that it takes longer."""
REPLY_TIMEOUT = 2.5
"""Seconds to tell somebody who mentioned us, before Slack is left to deliver the mention again."""

DOUBLE_CLICK_WINDOW = 2.0
"""Seconds within which the same press by the same person is a double click."""
FORM_WINDOW = 3600.0
"""Seconds for which a form that was taken is known."""


STILL_WORKING = (
    "This takes longer than usual, and it is not known yet whether your request was accepted. "
    "You will get the answer here; please do not send it again before that."
)


class ReplyNotDelivered(BatonError):
    """The reply to {key} could not be delivered: Slack is to repeat the delivery."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one person reads, as mrkdwn; a button opens the form of the words `form_of`, if there
    are any."""

    text: str
    form_of: str = ""


class SlackHandlers:
    """Passes commands to the dispatcher, and its replies to people."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        people: SlackDirectory,
        replies: PrivateReplies,
        tasks: BackgroundTasks,
        us: BotIdentity,
        budget: float = ANSWER_TIMEOUT,
    ) -> None:
        self._dispatcher = dispatcher
        self._people = people
        self._replies = replies
        self._tasks = tasks
        self._us = us
        self._budget = budget
        self._pressed = RecentKeys(DOUBLE_CLICK_WINDOW)
        self._sent = RecentKeys(FORM_WINDOW)
        self._messages = KeyedLock()

    async def command(self, interaction: Interaction) -> Told:
        """Return the answer to a slash command, within the time limit: no text if its form is
        shown. Never raises."""
        until = asyncio.get_running_loop().time() + self._budget
        reply = await self._in_time(interaction)
        if reply is None:
            return Told(STILL_WORKING)
        self._give_document(interaction, reply)
        form = form_in(reply)
        if form is not None and await self._opened(until, interaction, form):
            return Told("")
        return self._told(reply)

    async def message(self, interaction: Interaction) -> None:
        """Handle a message to the bot. Return once it is stored, or the person was answered.

        Raises ReplyNotDelivered if it was not accepted and the person could not be answered either.
        """
        if by_an_app(interaction, self._us):
            return
        reply = await self._reply(self._taken(interaction), interaction.key)
        person, place = Person(id=interaction.user), interaction.place
        self._give_document(interaction, reply)
        if reply.ok:
            if _says_something(reply):
                self._tasks.start(self._tell(interaction, reply))
            return
        told = self._told(reply)
        if not await self._replies.send(person, place, told.text, told.form_of, REPLY_TIMEOUT):
            raise ReplyNotDelivered(key=interaction.key)

    async def press(self, interaction: Interaction) -> None:
        """Handle a pressed button. A reply goes only to the person who pressed it."""
        at = f"{interaction.place.channel} {interaction.message}"
        press = f"{interaction.user} {at} {interaction.action} {interaction.value}"
        if self._pressed.seen_before(press):
            log.info("double click ignored", action=interaction.action, person=interaction.user)
            return
        work = self._tasks.run(self._reply(self._taken(interaction), interaction.key))
        reply = await self._within_budget(work)
        if reply is not None and not reply.ok:
            self._pressed.discard(press)  # who is told to try again may do so at once
        if reply is None:
            self._tasks.start(self._tell_later(interaction, work))
        elif (form := form_in(reply)) is not None:
            self._tasks.start(self._open(interaction, form, reply))
        elif not reply.ok or _says_something(reply):
            self._give_document(interaction, reply)
            self._tasks.start(self._tell(interaction, reply))

    async def form(self, interaction: Interaction) -> FormProblem | None:
        """Handle a submitted form. Return what is wrong, to be shown in it, or None if it was
        accepted or may have been."""
        commands = self._dispatcher.commands
        if interaction.form is not None:
            try:
                interaction = replace(interaction, text=words_of(interaction.form, commands))
            except UsageError as error:
                return FormProblem(as_typed(error.problem, commands), error.field)
        if self._sent.seen_before(interaction.key):
            log.info("a form was sent twice", person=interaction.user)
            return None
        reply = await self._in_time(interaction)
        if reply is not None and not reply.ok:
            self._sent.discard(interaction.key)
            text = as_typed(reply.text, commands) or self._told(reply).text
            return FormProblem(text, reply.field)
        if reply is not None and (reply.job or _says_something(reply)):
            self._give_document(interaction, reply)
            self._tasks.start(self._tell(interaction, reply))
        return None

    async def _open(self, interaction: Interaction, form: AnyForm, reply: Reply) -> None:
        if not await self._replies.open_form(
            interaction.trigger, form, interaction.user, interaction.place
        ):
            await self._tell(interaction, reply)

    async def _opened(self, until: float, interaction: Interaction, form: AnyForm) -> bool:
        """Open `form`, and return whether it is known to be shown at the time `until`."""
        opening = self._tasks.run(
            self._replies.open_form(interaction.trigger, form, interaction.user, interaction.place)
        )
        left = until - asyncio.get_running_loop().time()
        await asyncio.wait({opening}, timeout=max(left, 0))
        return opening.done() and opening.result()

    async def _tell(self, interaction: Interaction, reply: Reply) -> None:
        told, person = self._told(reply), Person(id=interaction.user)
        await self._replies.send(person, interaction.place, told.text, told.form_of)

    def answer_lost(self, interaction: Interaction, text: str) -> None:
        """The answer to a slash command did not reach Slack: send it in another way."""
        self._tasks.start(self._replies.send(Person(id=interaction.user), interaction.place, text))

    async def _in_time(self, interaction: Interaction) -> Reply | None:
        work = self._tasks.run(self._reply(self._taken(interaction), interaction.key))
        reply = await self._within_budget(work)
        if reply is None:
            log.warning("a request takes long", key=interaction.key, budget=self._budget)
            self._tasks.start(self._tell_later(interaction, work))
        return reply

    async def _within_budget(self, work: asyncio.Task[Reply]) -> Reply | None:
        await asyncio.wait({work}, timeout=self._budget)
        return work.result() if work.done() else None

    async def _tell_later(self, interaction: Interaction, work: asyncio.Task[Reply]) -> None:
        reply = await work
        self._give_document(interaction, reply)
        await self._tell(interaction, reply)

    async def _taken(self, interaction: Interaction) -> Reply:
        """Decide what an interaction asks for, and run it."""
        try:
            member: WorkspaceUser | BatonError = await self._people.user(interaction.user)
        except StandingUnavailable as error:
            member = error
        if interaction.kind in ("mention", "direct", "form"):
            # an edit of it may be here while it is still at work; a form may come to two bots
            async with self._messages.hold(interaction.key):
                begun = await self._dispatcher.started_by(interaction.key)
                return await self._done(interaction, admit(interaction, self._us, member, begun))
        return await self._done(interaction, admit(interaction, self._us, member))

    async def _done(self, interaction: Interaction, verdict: Admission) -> Reply:
        if isinstance(verdict, TypedCommand):
            return await self._route(verdict)
        if isinstance(verdict, ButtonPress):
            return await self._click(verdict)
        if isinstance(verdict, PrivateReply):
            log.info("no command was found", key=interaction.key, reason=verdict.text)
            return Reply(verdict.text, kind=ReplyKind.UNUSABLE)
        log.info("no command was found", key=interaction.key, reason=verdict.why)
        if interaction.kind == "command":
            text = "Nothing was done: apps cannot run commands."
            return Reply(text, kind=ReplyKind.REFUSED)
        return Reply()

    async def _click(self, clicked: ButtonPress) -> Reply:
        """Run the command of a button."""
        person, place, groups = clicked.person, clicked.place, self._groups(clicked.person)
        if clicked.action == CANCEL:
            return await self._dispatcher.cancel(
                clicked.value, asker=person, groups=groups, place=place, key=clicked.key
            )
        if clicked.action.partition(".")[0] == ASK:
            return await self._dispatcher.ask(
                clicked.value, asker=person, groups=groups, place=place, key=clicked.key
            )
        if clicked.action == FORM:
            return await self._form(clicked)
        log.warning("unknown button", action=clicked.action)
        text = "This button belongs to another version of the bot."
        return Reply(text, kind=ReplyKind.UNUSABLE)

    async def _form(self, clicked: ButtonPress) -> Reply:
        """Return the form of the words of a button; its text is for whom Slack does not show it."""
        groups = self._groups(clicked.person)
        found = await self._dispatcher.form(
            clicked.value, asker=clicked.person, groups=groups, place=clicked.place
        )
        if isinstance(found, Reply):
            return found
        return pressed_for(found, clicked.value)

    async def _with_form(self, asked: TypedCommand, reply: Reply) -> Reply:
        """Return `reply` with the form of a slash command that was typed without any argument."""
        if not asked.trigger or reply.kind is not ReplyKind.UNUSABLE or not reply.form_of:
            return reply
        _, arguments = begun(self._dispatcher.commands, reply.form_of)
        if arguments:
            return reply
        groups = self._groups(asked.person)
        found = await self._dispatcher.form(
            reply.form_of, asker=asked.person, groups=groups, place=asked.place
        )
        return reply if isinstance(found, Reply) else instead_of(reply, found)

    async def _route(self, asked: TypedCommand) -> Reply:
        person, place, words = asked.person, asked.place, asked.words.split(maxsplit=1)
        groups = self._groups(person)
        word = words[0].removeprefix("/").lower().rstrip(".!?") if words else "help"
        rest = words[1] if len(words) > 1 else ""
        if word == "help":
            return await self._help(asked, rest)
        said = thread_words(asked.words)
        if said is not None and (said.verb == word or word not in self._dispatcher.commands):
            if place.thread:
                return await self._dispatcher.ask_in_thread(
                    asked.words, place, asker=person, groups=groups, key=asked.key
                )
            whole = " ".join(words)
            text = (
                f"Which job? `{said.about('JOB')}`, or `@baton {whole}` in the thread of the job."
            )
            offered = form_of(self._dispatcher.commands, said.verb)
            which = Reply(text, kind=ReplyKind.UNUSABLE, form_of=offered)
            return await self._with_form(asked, which)
        reply = await self._dispatcher.ask(
            asked.words or "help", asker=person, groups=groups, place=place, key=asked.key
        )
        return await self._with_form(asked, reply)

    async def _help(self, asked: TypedCommand, name: str) -> Reply:
        known = self._dispatcher.commands.get(name.removeprefix("/").lower())
        words = f"help {known.command.name}" if known else "help"
        place, key, groups = asked.place, asked.key, self._groups(asked.person)
        reply = await self._dispatcher.ask(
            words, asker=asked.person, groups=groups, place=place, key=key
        )
        if not reply.ok:
            return reply
        text = as_typed(reply.text, self._dispatcher.commands)
        summary, _, document = text.strip().partition("\n")
        answer = Answer(summary, document=document.strip("\n"))
        return Reply(answer=answer, form_of=reply.form_of)

    def _groups(self, person: Person) -> GroupLookup:
        return lambda: self._people.groups_of(person.id)

    async def _reply(self, work: Awaitable[Reply], key: str) -> Reply:
        try:
            return await work
        except BatonError as error:
            log.info("a request was not accepted", key=key, reason=str(error))
            return Reply(str(error), kind=ReplyKind.UNAVAILABLE)
        except Exception:
            fault = new_id()[:8]
            log.exception("a request failed", key=key, fault=fault)
            return Reply(
                f"Internal error in Baton (reference {fault} in its log). It is not known "
                "whether your request was accepted: look in the channel before you try again.",
                kind=ReplyKind.FAILED,
            )

    def _give_document(self, interaction: Interaction, reply: Reply) -> None:
        if reply.answer is not None and is_long(reply.answer.document):
            person, answer = Person(id=interaction.user), reply.answer
            self._tasks.start(self._replies.send_file(person, interaction.place, answer, reply.job))

    def _told(self, reply: Reply) -> Told:
        text = reply_text(replace(reply, text=as_typed(reply.text, self._dispatcher.commands)))
        if reply.answer is not None and is_long(reply.answer.document):
            text += "\nThe output is long: you get it as a file."
        return Told(text, reply.form_of)


def _says_something(reply: Reply) -> bool:
    return bool(reply.text or reply.answer)
