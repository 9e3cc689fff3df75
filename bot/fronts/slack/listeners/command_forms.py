"""The forms of commands: how a reply shows one, and which words a filled in one equals. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields

from baton.extensions import Commands
from baton.text.words import kept
from bot.dispatch.command_form import CommandForm, filled_in, scheduled, words_from
from bot.dispatch.reply import Form, Reply
from bot.dispatch.rollout_form import LINE, rolled
from bot.fronts.slack.listeners.payloads import FilledForm
from bot.schedules.scanner import WHEN

NOT_SHOWN = (
    "Slack does not show the form now. Press the button again in a moment, or type the command."
)

AnyForm = Form | CommandForm


@dataclass(frozen=True, slots=True)
class FormReply(Reply):
    """A reply in place of whose text the form of a command is shown, if Slack shows it."""

    command: CommandForm | None = None


@dataclass(frozen=True, slots=True)
class FormProblem:
    """What is wrong with a form that was sent: with a field of its command, if one is named."""

    text: str
    field: str = ""


def form_in(reply: Reply) -> AnyForm | None:
    """Return the form that is to be shown in place of the text of `reply`, if there is one."""
    return reply.command if isinstance(reply, FormReply) else reply.form


def pressed_for(form: CommandForm, words: str) -> FormReply:
    """Return the reply to whoever pressed the button under which `words` have their `form`."""
    return FormReply(f"{NOT_SHOWN}\nUsage: {form.usage}", form_of=words, command=form)


def instead_of(reply: Reply, form: CommandForm) -> FormReply:
    """Return `reply` with `form` in place of its text."""
    kept = {each.name: getattr(reply, each.name) for each in fields(Reply)}
    return FormReply(**kept, command=form)


def words_of(form: FilledForm, commands: Commands) -> str:
    """Return the words that a filled in form of a command equals. Raises UsageError."""
    when = form.values.get(WHEN, "").strip()
    words = words_from(commands, form.command, filled_in(form.values))
    text = scheduled(rolled(words, kept(form.values.get(LINE, "").strip()), when), when)
    return text.removeprefix("/")
