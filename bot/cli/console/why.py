"""`baton why`: what stands in the way of a request, without asking for it."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.cli.console.chat import text_of
from bot.cli.console.session import ConsoleSession, JsonOption, run, show, show_json
from bot.cli.console.table import table


def why(
    words: Annotated[
        list[str], typer.Argument(metavar="TEXT", help="As in chat: deploy shop prod")
    ],
    as_json: JsonOption = False,
) -> None:
    """Show every gate that a request meets. The exit code is 0 only if all are open."""
    text = words[0] if len(words) == 1 else text_of(words)

    async def work(session: ConsoleSession) -> int:
        from bot.cli.console.exit_codes import FAILED, SUCCEEDED

        plan = await session.client.why(text.removeprefix("/"))
        if as_json:
            show_json(plan.model_dump(mode="json"))
        elif plan.gates:
            rows = [(one.gate, one.state, one.text) for one in plan.gates]
            show("\n".join(table(("GATE", "STATE", "WHY"), rows)))
        else:
            show(plan.why or f"{plan.text}: no gate stands before it.")
        return SUCCEEDED if plan.open else FAILED

    run(work)
