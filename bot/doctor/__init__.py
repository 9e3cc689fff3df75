"""`baton doctor`: checks a configuration and the services it uses, one line a check.

bot_checks    all checks of a bot: settings, alerts, slack, database, bus, agents, probes, rules
agent_checks  all checks of an agent: settings, folders, programs, bus, its own heartbeat
check_result  the result of a check; pure
"""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path

from baton.agent.settings import AgentSettings
from baton.errors import BatonError
from baton.extensions import installed
from bot.doctor.check_result import CheckResult, Mark, fail
from bot.settings import BotSettings


async def examine(
    file: Path | None,
    environ: Mapping[str, str],
    tell: Callable[[str], object],
    builtins: Callable[[], Iterable[str]],
) -> int:
    """Print each result with `tell` as it comes; return 1 if a check failed, else 0. `builtins`
    returns the names of the commands that a bot answers itself. It is called for a bot only: an
    agent may lack what they import."""
    failed = warned = 0
    try:
        async for finding in _checks(file, environ, builtins):
            failed += finding.mark is Mark.FAIL
            warned += finding.mark is Mark.WARN
            tell(str(finding))
    except BatonError as error:
        failed += 1
        tell(str(fail("bus", error)))
    tell(_last(failed, warned))
    return 1 if failed else 0


def _checks(
    file: Path | None, environ: Mapping[str, str], builtins: Callable[[], Iterable[str]]
) -> AsyncIterator[CheckResult]:
    if is_agents(file, environ):
        from bot.doctor.agent_checks import examine_agent

        return examine_agent(file, environ)
    from bot.doctor.bot_checks import examine_bot

    return examine_bot(file, environ, builtins())


def _last(failed: int, warned: int) -> str:
    warnings = f"{warned} warning{'s' * (warned > 1)}"
    if failed:
        checks = f"{failed} check{'s' * (failed > 1)} failed"
        return f"{checks}, {warnings}." if warned else f"{checks}."
    return f"{warnings}: see each line that begins with warn." if warned else "All checks passed."


def is_agents(file: Path | None, environ: Mapping[str, str]) -> bool:
    """Return whether the settings are those of an agent: they have a table that only an agent's can
    have, and none that only a bot's can; if neither, whether the environment names a server.

    Raises ExtensionError.
    """
    tables: set[str] = set()
    if file is not None:
        try:
            tables = set(tomllib.loads(file.read_text()))
        except (OSError, ValueError):
            return False  # the checks of a bot say what is wrong with the file
    bots, agents = set(BotSettings.model_fields), {*AgentSettings.model_fields, *installed()}
    if tables & (bots - agents):
        return False
    return bool(tables & (agents - bots) or environ.get("BATON_ENVIRONMENT"))
