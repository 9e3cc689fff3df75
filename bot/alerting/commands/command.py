"""`/alerts`: what fires, why, and who takes it on; silences. The buttons of posts ask the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from baton.bus.messages import new_id
from baton.command import Known
from baton.consumer import Extension
from baton.errors import UsageError
from baton.fields import Positional
from baton.text.words import channels, did_you_mean
from bot.alerting.commands.acknowledge import acknowledge
from bot.alerting.commands.context import Action, AlertsContext
from bot.alerting.commands.forget import forget
from bot.alerting.commands.listing import history, list_firing
from bot.alerting.commands.reload import reload, replay
from bot.alerting.commands.silence import silence, silences, unsilence
from bot.alerting.commands.why import why
from bot.alerting.operations import SendTestNotification
from bot.alerting.reloader import Reloader
from bot.alerting.runner import AlertRunner
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.reply import Reply, ReplyKind
from bot.store.alerts.alert_store import AlertStore


class AlertsCommand(BuiltinCommand):
    """List, explain, acknowledge and silence alerts.

    /alerts [ENV]                                list what is firing
    /alerts why ALERT                            results, rules, silences; why nobody was notified
    /alerts ack ALERT                            acknowledge: stop repeat notifications
    /alerts forget ALERT                         end it: its target is gone for good
    /alerts silence MATCHERS for 2h because ...  such as env=prod host=~"web-.*"
    /alerts silence MATCHERS, silence ALERT      what that would mute
    /alerts silences, /alerts unsilence ID, /alerts history
    /alerts test [CHANNEL]                       send a test notification there
    /alerts replay [DAY]                         what alerts.toml, as it is now, would have sent
    /alerts reload                               use alerts.toml as it is now

    ALERT is the id that /alerts shows, or its first digits; or a name, such as a server's, or its
    beginning; or MATCHERS. `why` also takes alerts that are not firing.
    """

    name: ClassVar[str] = "alerts"
    verbatim: ClassVar[bool] = True
    example: ClassVar[str] = "/alerts why 3fa2c1"
    words: Annotated[tuple[str, ...], Positional] = Field(
        default=(),
        description="an environment, or why, ack, ...",
        examples=[
            *("why", "ack", "silence", "silences", "unsilence", "forget", "history"),
            *("test", "replay", "reload", "help"),
        ],
    )

    @classmethod
    def usage(cls) -> str:
        """Return the usage line: a word, then what it is about."""
        return "/alerts [ENV] | why|ack ALERT | silence MATCHERS for 2h because ... | history | ..."


class AlertsHandler(Handler[AlertsCommand]):
    """Answers /alerts. `runner` drives the alerts that are asked about, if this bot has any;
    `reloader` reads their settings again, if these are from a file."""

    def __init__(
        self,
        runner: AlertRunner | None,
        reloader: Reloader | None,
        stored: AlertStore,
        known: Known,
        authorizer: Authorizer,
        audit: AuditLog,
    ) -> None:
        self._runner = runner
        self._reloader = reloader
        self._stored = stored
        self._known = known
        self._authorizer = authorizer
        self._audit = audit

    @override
    async def handle(self, command: AlertsCommand, context: CommandContext) -> Reply:
        if self._runner is None:
            await self._audit.write(context.invocation, "answered")
            text = "Alerting is off: this bot has no alerts.toml."
            return Reply(text, kind=ReplyKind.CONFLICT)
        reader = self._authorizer.reader("alerts", context)
        about = AlertsContext(
            context.invocation,
            context.groups,
            await self._runner.view(),
            self._runner,
            self._reloader,
            self._stored,
            self._known,
            self._authorizer,
            self._audit,
            reader,
        )
        hidden = [each for each in {*about.environments, ""} if not await reader.may_look_at(each)]
        about = replace(about, hidden=frozenset(hidden))
        word = command.words[0] if command.words else ""
        action = ACTIONS.get(word.lower())
        if action is not None:
            return await action(about, command.words[1:])
        if word and word not in about.environments:
            hint = did_you_mean(word, [*about.environments, *ACTIONS])
            known = f"neither an environment nor one of {', '.join(ACTIONS)}"
            raise UsageError(f"“{word}” is {known}.{hint}")
        return await list_firing(about, word)


ALERTS = Extension(AlertsCommand)


async def _help(context: AlertsContext, words: Sequence[str]) -> Reply:
    return await context.record_answer(Reply(AlertsCommand.help()))


async def _test(context: AlertsContext, words: Sequence[str]) -> Reply:
    meant = channels(context.invocation.text) or [word.removeprefix("#") for word in words]
    channel = meant[0] if meant else context.invocation.place.channel
    known = context.runner.settings.channels
    if meant and channel not in known:
        problem = f"No route notifies {channel}. Routes notify: {', '.join(known)}."
        raise UsageError(f"{problem} Without a name the test goes to this channel.")
    operation = SendTestNotification(
        by=context.asker, at=context.now, channel=channel, key=new_id()
    )
    return await context.submit(
        operation, [], f"A test notification goes to {channel} within seconds."
    )


ACTIONS: Mapping[str, Action] = {
    "why": why,
    "ack": acknowledge,
    "forget": forget,
    "silence": silence,
    "unsilence": unsilence,
    "silences": silences,
    "history": history,
    "test": _test,
    "replay": replay,
    "reload": reload,
    "help": _help,
}
