"""The checks of the rules of baton.toml: who may do what, compared with what exists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from baton.bus.facts import Facts
from baton.bus.messages import now
from baton.declared import command_names
from baton.errors import BatonError, SettingsError
from bot.dispatch.gates.freezing.freeze_file import read_freezes
from bot.dispatch.gates.freezing.freeze_table import FreezeTable
from bot.dispatch.policy import Policy
from bot.dispatch.policy_review import Scene, by_environment, review
from bot.doctor.check_result import CheckResult, fail, note, ok, warn
from bot.fronts.slack.listeners.people import SlackDirectory
from bot.fronts.slack.web_api.calls import SlackApi
from bot.settings import SlackTable


def freezes(tables: Sequence[FreezeTable], *, heard: bool) -> CheckResult:
    """Check that the freezes of `tables` can be read, with their calendars. `heard`: a channel
    hears of each that is broken, also if that was asked in the console."""
    try:
        found = read_freezes(tables, now())
    except SettingsError as error:
        return fail("freezes", error)
    if not heard and any(one.may_break for one in found):
        text = "somebody may break one, and if they ask in the console no channel hears of it"
        return warn("freezes", text, "Set channel in [audit].")
    return ok("freezes", ", ".join(f"“{one.name}”" for one in found))


async def rules(
    policy: Policy, commands: Iterable[str], facts: Iterable[Facts], slack: SlackTable | None
) -> list[CheckResult]:
    """Check `policy`, given the names of all commands and the servers that responded, whose runners
    are commands too. User groups are looked up if there is a `slack` to ask."""
    responded = [*facts]
    runners = {
        name for one in responded for each in one.runners for name in command_names(each.name)
    }
    scene = Scene([*commands, *sorted(runners)], by_environment(responded))
    found: list[CheckResult] = []
    if slack is not None and policy.with_every_group():
        groups, problem = await _groups(slack)
        scene = Scene(scene.commands, scene.environments, groups)
        if problem:
            found.append(warn("rules", f"user groups could not be looked up: {problem}"))
    found += [
        (warn if remark.wrong else note)("rules", remark.text, remark.fix)
        for remark in review(policy, scene)
    ]
    if not scene.environments:
        found.append(
            note("rules", "no server responded, so environments and apps were not checked")
        )
    count = "1 rule" if len(policy.rules) == 1 else f"{len(policy.rules)} rules"
    return found or [ok("rules", f"{count}; environments: {', '.join(scene.environments)}")]


async def _groups(slack: SlackTable) -> tuple[frozenset[str] | None, str]:
    calls = SlackApi(slack.bot_token.get_secret_value(), slack.api_url)
    people = SlackDirectory(calls)
    try:
        return await people.groups(), ""
    except BatonError as error:
        return None, str(error)
    finally:
        await people.close()
        await calls.close()
