"""`baton extensions`: what other packages add to Baton here, and why some of it is not used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Annotated, Any

import typer

from baton.entry_points import Installed, Standing
from baton.text.printable import printable
from bot.cli.console.session import JsonOption
from bot.cli.extra import EXTRA

StrictOption = Annotated[
    bool, typer.Option("--strict", help="Exit with 1 if one of them is not used.")
]


def extensions(as_json: JsonOption = False, strict: StrictOption = False) -> None:
    """List what is installed beside Baton, and why some is not used."""
    from bot.cli.console.table import table

    found = list(installed())
    left_out = [one for one in found if one.standing is not Standing.LOADED]
    if as_json:
        typer.echo(json.dumps([_public(one) for one in found], indent=2))
    else:
        rows = [(one.kind, one.name, one.origin, one.module, one.standing.value) for one in found]
        for line in table(("kind", "name", "package", "module", "state"), rows):
            typer.echo(printable(line))
        for one in left_out:
            typer.echo(printable(f"\n{one.standing}: {one.complaint}."))
    if strict and left_out:
        raise typer.Exit(1)


def installed() -> Iterator[Installed[Any]]:
    """Yield every extension that is installed here. Rules of alerts are read only where the
    packages of a bot are: an agent has none."""
    from baton.extensions import installed_commands
    from baton.worker.processors.registry import installed_processors

    yield from installed_commands()
    yield from installed_processors()
    if all(find_spec(name) for name in EXTRA):
        from alerts.extensions import installed_rules

        yield from installed_rules()


def _public(one: Installed[Any]) -> dict[str, object]:
    names = ("kind", "name", "distribution", "version", "module", "standing", "reason")
    return {name: getattr(one, name) for name in names}
