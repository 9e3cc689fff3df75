"""The subcommands of `baton` that use a console, as a person or a script does.

    chat         ask, and every command of the chat by its name
    jobs         jobs, log, cancel, approve, rollout lists       servers, alerts, schedule, audit
    why          what stands in its way
    watching     a job, until it has ended           views, live what is shown of it
    login        login, logout                       completion  what a shell completes
    session      one use of a console                exit_codes  what its end means
    table        tables in plain text

What needs the client is imported when a subcommand runs: an agent has the same command line.
"""

from __future__ import annotations

import typer

from bot.cli.console import chat, completion, jobs, lists, login, why


def add_console(app: typer.Typer) -> None:
    """Add the subcommands to those of `app`."""
    # what it does not know is the command's own: --canary 1
    app.command(context_settings={"ignore_unknown_options": True})(chat.ask)
    app.command()(why.why)
    app.command()(jobs.jobs)
    app.command()(jobs.log)
    app.command()(jobs.cancel)
    app.command()(jobs.approve)
    app.command()(jobs.confirm)
    app.command()(jobs.deny)
    app.command()(jobs.rollout)
    app.command()(jobs.retry)
    app.command()(lists.servers)
    app.add_typer(lists.schedule_app, name="schedule")
    app.command()(login.login)
    app.command()(login.logout)
    completion.add_completion(app)
    chat.add_chat(app)
