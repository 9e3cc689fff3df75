"""`baton demo | bot | agent`, which run until they are stopped, and `baton doctor`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

import structlog
import typer

from baton.text.printable import printable
from bot.cli.extra import need_extra
from bot.cli.logs import LogFormat, LogLevel, set_up_logs
from bot.cli.options import AlertsOption, ConfigOption, FormatOption, LevelOption, StrictOption


def demo(
    log_level: LevelOption = LogLevel.WARNING, log_format: FormatOption = LogFormat.AUTO
) -> None:
    """Try Baton in this terminal. One process runs a bot, three simulated servers and a chat."""
    need_extra("demo")
    set_up_logs(log_level, log_format)
    from bot.demo.play import play

    raise typer.Exit(_run_until_hung_up(play()))


def bot(
    config: ConfigOption = None,
    alerts: AlertsOption = None,
    strict: StrictOption = False,
    log_level: LevelOption = LogLevel.INFO,
    log_format: FormatOption = LogFormat.AUTO,
) -> None:
    """Run the bot of a team. It connects Slack with RabbitMQ."""
    need_extra("bot")
    set_up_logs(log_level, log_format)
    from bot.app.serve import serve
    from bot.settings import BotSettings, complete, load_bot

    warn_of_misspelt_variables()
    over = {} if alerts is None else {"BATON_ALERTS_FILE": str(alerts)}

    def read() -> BotSettings:
        return load_bot(config, {**os.environ, **over})

    asyncio.run(serve(complete(read(), config), read, strict=strict))


def agent(
    config: ConfigOption = None,
    strict: StrictOption = False,
    log_level: LevelOption = LogLevel.INFO,
    log_format: FormatOption = LogFormat.AUTO,
) -> None:
    """Run the agent of a server. It executes the requests that its own file allows."""
    set_up_logs(log_level, log_format)
    from baton.agent.service import Service
    from baton.agent.settings import AGENT_VARIABLES, AgentSettings
    from baton.extensions import installed
    from baton.process.orphans import OrphanReaper
    from baton.settings import load
    from commands.probes import LocalProber

    warn_of_misspelt_variables()
    settings = load(AgentSettings, config, AGENT_VARIABLES, os.environ)
    file = str(config) if config else "the environment"
    commands = installed(strict=strict)

    async def serve() -> None:
        OrphanReaper().start()
        prober = LocalProber.of(settings)
        service = await Service.from_settings(settings, commands, file=file, prober=prober)
        service.stop_on_signals()
        await service.run()

    asyncio.run(serve())


def doctor(config: ConfigOption = None) -> None:
    """Check a bot or agent configuration and the services it uses."""
    set_up_logs(LogLevel.ERROR)
    from bot.doctor import examine

    raise typer.Exit(asyncio.run(examine(config, os.environ, typer.echo, _builtins)))


def _builtins() -> list[str]:
    """Return the names of the commands that a bot answers itself."""
    from bot.app.dispatching import ANSWERED_HERE

    return [extension.command.name for extension in ANSWERED_HERE]


def warn_of_misspelt_variables() -> None:
    """Log each environment variable that is unknown and looks like a known one."""
    from bot.cli.variables import VARIABLES, misspelt

    for name, near in misspelt(os.environ, VARIABLES):
        text = f"unknown environment variable {name}: did you mean {near}?"
        structlog.get_logger(__name__).warning(printable(text))


def _run_until_hung_up(work: Coroutine[Any, Any, int]) -> int:
    """Run `work`; SIGTERM, and the end of the terminal, stop it in good order."""
    import signal

    ended: list[int] = []

    async def guarded() -> int:
        task = asyncio.ensure_future(work)

        def end(number: int) -> None:
            ended.append(number)
            task.cancel()

        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, end, number)
        return await task

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        return 128 + ended[0] if ended else 130
