"""`baton init bot | agent | worker`: commented files of a new installation, ready to be edited."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from baton.errors import BatonError

app = typer.Typer(
    help="Write the commented files of a new installation.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

BOT = ("baton.toml", "alerts.toml", "manifest.yml", "baton-bot.service")
AGENT = ("agent.toml", "baton-agent.service", "baton-agent.sudoers")
WORKER = ("worker.toml", "baton-worker.service")

NEXT_BOT = """\
  1. Make the Slack app: api.slack.com/apps, Create New App, From a manifest, manifest.yml.
     Copy its two tokens.
  2. Write bot.env (chmod 600), a line each:
     SLACK_BOT_TOKEN=xoxb-...
     SLACK_APP_TOKEN=xapp-...
     BATON_BUS_URL=amqps://...
  3. Edit baton.toml: [[allow]] says who may change which servers.
  4. Check it:  set -a; . ./bot.env; set +a; baton doctor --config baton.toml
  5. Copy baton.toml and bot.env to /etc/baton, baton-bot.service to /etc/systemd/system.
     For alerts edit alerts.toml, copy it too, and name it in baton.toml: [alerts] file.
     Start it:  systemctl daemon-reload && systemctl enable --now baton-bot"""

NEXT_AGENT = """\
  1. Edit agent.toml: the address of RabbitMQ, this server's environment, what may be deployed.
  2. Check it:  baton doctor --config agent.toml
  3. Copy agent.toml to /etc/baton, baton-agent.service to /etc/systemd/system.
     Edit User= in the unit: the user that owns the apps.
  4. Only if agent.toml runs something with sudo: edit baton-agent.sudoers, and copy it to
     /etc/sudoers.d/baton-agent.
  5. Start it:  systemctl daemon-reload && systemctl enable --now baton-agent"""

NEXT_WORKER = """\
  1. Edit worker.toml: the address of RabbitMQ, the environment, the queues and their runners.
  2. Check it:  baton worker worker.toml --check
  3. Copy worker.toml to /etc/baton, baton-worker.service to /etc/systemd/system.
     Edit User= in the unit: the user that its programs run as.
  4. Start it:  systemctl daemon-reload && systemctl enable --now baton-worker"""

_PACKAGED = Path(__file__).parent / "templates"
_ROOT = Path(__file__).parents[2]
_CHECKOUT = (_ROOT / "examples", _ROOT)

FolderOption = Annotated[
    Path, typer.Option("--into", help="The folder to write to; it is created if missing.")
]


class FilesThere(BatonError):
    """Nothing was written: {files} already in {folder}. Choose another folder with --into, or move
    them away."""

    permanent = True


class FolderUnusable(BatonError):
    """Nothing can be written to {folder}: {reason}. Choose another folder with --into."""

    permanent = True


@app.command()
def bot(into: FolderOption = Path()) -> None:
    """Write the files of a bot: its settings, alerts, Slack app and unit of systemd."""
    write(BOT, into)
    typer.echo(f"\nNext, in {into.resolve()}:\n{NEXT_BOT}")


@app.command()
def agent(into: FolderOption = Path()) -> None:
    """Write the files of an agent: its settings, unit of systemd and sudoers line."""
    write(AGENT, into)
    typer.echo(f"\nNext, in {into.resolve()}:\n{NEXT_AGENT}")


@app.command()
def worker(into: FolderOption = Path()) -> None:
    """Write the files of a worker: its settings and unit of systemd."""
    write(WORKER, into)
    typer.echo(f"\nNext, in {into.resolve()}:\n{NEXT_WORKER}")


def write(names: tuple[str, ...], folder: Path) -> None:
    """Write these files into `folder`, all or none. Raises FilesThere and FolderUnusable."""
    there = [name for name in names if (folder / name).exists()]
    if there:
        verb = "is" if len(there) == 1 else "are"
        raise FilesThere(files=f"{', '.join(there)} {verb}", folder=folder)
    texts = {name: template(name) for name in names}
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with (folder / name).open("x") as file:
                written.append(folder / name)
                file.write(text)
            typer.echo(f"wrote {folder / name}")
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise FolderUnusable(folder=folder, reason=error.strerror or error) from error


def template(name: str) -> str:
    """Return the text of a template: the one in the wheel, or in a checkout its source."""
    folders = (_PACKAGED, *_CHECKOUT)
    return next((each / name).read_text() for each in folders if (each / name).is_file())
