"""Sends a person what could not be in the direct answer to Slack."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from baton.bus.messages import Person
from baton.outcome import Answer
from baton.timing.backoff import delay, jittered
from bot.dispatch.command_form import CommandForm
from bot.dispatch.reply import Form
from bot.fronts.errors import FrontError, Throttled, Uncertain
from bot.fronts.slack.blocks.forms import command_view, form_view, with_button
from bot.fronts.slack.blocks.text import cut, escape, is_long
from bot.fronts.slack.listeners.form_state import FormSeal
from bot.fronts.slack.web_api.calls import SlackApi
from bot.fronts.slack.web_api.ephemeral import send_ephemeral
from bot.jobs import Place

log = structlog.get_logger(__name__)

RETRY_TIMEOUT = 600.0
"""Seconds for which we go on trying to tell somebody something."""

SENT_AGAIN = "_Sent again, because Slack did not confirm the first message:_"

FindPost = Callable[[str], Awaitable[Place | None]]
"""Where a job is shown: its channel, and the thread under its post."""


class PrivateReplies:
    """Sends private messages and files to the person who typed a command."""

    def __init__(self, api: SlackApi, where: FindPost, seal: FormSeal) -> None:
        self._api = api
        self._where = where
        self._seal = seal

    async def send(
        self,
        person: Person,
        place: Place,
        text: str,
        form_of: str = "",
        patience: float = RETRY_TIMEOUT,
    ) -> bool:
        """Show `text` (mrkdwn) only to `person`, in `place` or in a direct message; with a button
        that opens the form of the words `form_of`, if there are any.

        Tries for `patience` seconds. Returns False if it failed.
        """
        deadline = asyncio.get_running_loop().time() + patience
        failures = 0
        while True:
            try:
                blocks = with_button(text, form_of)
                await send_ephemeral(self._api, place, person.id, text, blocks)
            except FrontError as error:
                if isinstance(error, Uncertain) and not text.startswith(SENT_AGAIN):
                    # nobody can look whether it is there: so it is said what it is
                    text = f"{SENT_AGAIN}\n{text}"
                failures += 1
                pause = jittered(delay(failures, 1.0, 30.0))
                wait = error.seconds if isinstance(error, Throttled) else pause
                late = asyncio.get_running_loop().time() + wait > deadline
                if error.permanent or late:
                    log.warning(
                        "a reply could not be delivered", person=person.id, reason=str(error)
                    )
                    return False
                await asyncio.sleep(wait)
            else:
                return True

    async def open_form(
        self, trigger: str, form: Form | CommandForm, person: str, place: Place
    ) -> bool:
        """Open `form` for `person`, who has just pressed a button or typed a command in `place`.
        Return False if it failed."""
        if isinstance(form, CommandForm):
            shown = command_view(form, self._seal.sealed(person, place, command=form.command))
        else:
            shown = form_view(form, self._seal.sealed(person, place, ask=form.ask))
        if shown is None:
            return False
        for before in (False, True):
            try:
                await self._api.change("views.open", trigger_id=trigger, view=shown)
            except Uncertain as error:
                log.warning("it is not known whether a form was shown", reason=str(error))
            except FrontError as error:
                # a trigger opens one form: if it is used up, our first call has opened it
                if before and error.facts.get("reason") == "exchanged_trigger_id":
                    return True
                log.warning("cannot show a form", reason=str(error))
                return False
            else:
                return True
        return False

    async def send_file(self, person: Person, place: Place, answer: Answer, job: str) -> None:
        """Send a long document as a file: in the thread of the job, or in a direct message."""
        assert is_long(answer.document)
        name = f"{job or 'answer'}.txt"
        try:
            shown = await self._where(job) if job else None
            if shown is None or not shown.thread:
                shown = place if place.thread else await self._direct(person, answer)
            await self._api.upload(shown.channel, shown.thread, name, answer.document)
        except FrontError as error:
            reason = cut(escape(str(error)), 500)
            await self.send(person, place, f"{name} could not be sent to you: {reason}")

    async def _direct(self, person: Person, answer: Answer) -> Place:
        words = escape(answer.summary) or "The file you requested:"
        said = await self._api.change("chat.postMessage", channel=person.id, text=words)
        return Place("slack", str(said["channel"]), str(said["ts"]))
