"""`baton new NAME`: a package with a command of one's own. `--update` brings a later one in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from baton.text.printable import printable

BUILTINS = {
    *("alerts", "approve", "audit", "baton", "cancel", "confirm", "console", "dead", "deny"),
    *("forget", "freezes", "help", "jobs", "lock", "locks", "log", "retry", "reviewed", "rollout"),
    *("run", "schedule", "token", "unlock", "versions", "why"),
}
"""The commands that a bot answers itself: where there is no bot, nothing else knows them."""

NameArgument = Annotated[str, typer.Argument(metavar="[NAME]", help="Its name, such as acme-disk.")]
FolderArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[FOLDER]", help="Where to write it; by default a folder of its name."),
]
CommandOption = Annotated[
    str, typer.Option("--command", help="The name of its command; by default the package's.")
]
GitOption = Annotated[bool, typer.Option("--git/--no-git", help="Make it a git repository.")]
UpdateOption = Annotated[
    bool,
    typer.Option("--update", help="Bring the template of this Baton into the package in ."),
]


def new(
    context: typer.Context,
    name: NameArgument = "",
    folder: FolderArgument = None,
    command: CommandOption = "",
    git: GitOption = True,
    update: UpdateOption = False,
) -> None:
    """Write a package with a command of your own, and its tests."""
    if update:
        if name or folder or command:
            raise typer.BadParameter("with --update give no name: run it in the package's folder")
        _update(Path())
        return
    if not name:
        raise typer.BadParameter("give a name, such as acme-disk")
    _make(name, folder or Path(name), command or name, git, _own(context))


def _make(name: str, folder: Path, command: str, git: bool, own: set[str]) -> None:
    from importlib.metadata import packages_distributions

    from baton.extensions import installed_commands
    from baton.scaffold.answers import Answers, checked
    from baton.scaffold.making import make, source_of_baton

    taken = {*BUILTINS, *own, *(one.name for one in installed_commands())}
    known = {package: names[0] for package, names in packages_distributions().items()}
    answers = checked(Answers(name, command, datetime.now(UTC).year), taken, known)
    record = make(answers, folder, source=source_of_baton(), git=git)
    typer.echo(f"wrote {len(record.files) + 1} files into {printable(str(folder))}/")
    typer.echo(
        f"\nNext:\n"
        f"  cd {printable(str(folder))} && make test    # its tests pass as they are\n"
        f"  src/{answers.package}/command.py{'':<8}# what people type: change this first\n"
        f"  README.md says how it is installed."
    )


def _update(folder: Path) -> None:
    from baton.scaffold.updating import update

    done = update(folder)
    for change in done.changes:
        typer.echo(printable(f"{change.path}: {change.what}"))
    if not done.changes:
        typer.echo(f"Nothing is different in the template of Baton {done.after}.")
    if done.conflicts:
        typer.echo(
            "\nResolve the conflicts: the lines between <<<<<<< and >>>>>>> are yours and the "
            "template's.",
            err=True,
        )
        raise typer.Exit(1)


def _own(context: typer.Context) -> set[str]:
    """Return the names of the program's own subcommands."""
    group = context.parent.command if context.parent else None
    return set(getattr(group, "commands", ()))
