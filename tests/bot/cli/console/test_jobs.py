"""`baton` beside a real console: what a person sees, and what a script learns."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from baton.bus.messages import State
from baton.client import Client, ClientSettings, ask
from bot.dispatch.policy import EnvironmentTable, Policy
from tests.bot.cli.console.programs import Program
from tests.bot.web.console.alerts import firing
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.support.wait import until

CODES = {
    State.SUCCEEDED: 0,
    State.FAILED: 1,
    State.REFUSED: 1,
    State.EXPIRED: 1,
    State.UNROUTABLE: 1,
    State.BLOCKED: 1,
    State.CANCELLED: 3,
    State.INTERRUPTED: 4,
    State.LOST: 4,
}


async def read_until(process: Process, text: str) -> str:
    """What it writes, up to a line that holds `text`."""
    assert process.stdout is not None
    said = ""
    async with asyncio.timeout(60):
        while text not in said:
            line = (await process.stdout.readline()).decode()
            assert line, f"it ended, having said: {said}"
            said += line
    return said


def hold(console: Console) -> None:
    for agent in console.agents:
        agent.waits = True


async def finish(console: Console, state: State = State.SUCCEEDED, text: str = "done") -> None:
    """End what runs: with `state` on web-1, well on the others."""
    await until(lambda: all(agent.requests for agent in console.agents))
    first, *others = console.agents
    await first.finish(state, text)
    for agent in others:
        await agent.finish()


async def test_a_job_from_its_start_to_its_end(console: Console, baton: Program) -> None:
    """Each line of each server, each state, and how it ended."""
    code, out, err = await baton.ended("ship", "shop", "prod", "--watch")
    assert (code, err) == (0, ""), out
    first, *lines, last = out.splitlines()
    assert first.startswith("Job ")
    for host in ("web-1", "web-2", "web-3"):
        assert lines.count(f"{host} | line 1") == 1
        assert lines.count(f"{host} succeeded: done") == 1
    assert last.startswith(f"Job {first.split()[1].rstrip(':')} (ship shop prod) succeeded: ")
    job = first.split()[1].rstrip(":")

    code, out, _ = await baton.ran("jobs", "--env", "prod", "--since", "1h")
    assert code == 0
    assert job in out
    assert "3 succeeded" in out
    assert job in (await baton.ran("jobs", "--server", "web-2"))[1]
    assert job not in (await baton.ran("jobs", "--server", "db-1"))[1]
    code, out, _ = await baton.ran("log", job, "--host", "web-2")
    assert code == 0
    assert "line 1" in out
    assert "web-1" not in out
    code, out, err = await baton.ran("log", job, "-f", "--host", "web-2")
    assert (code, out) == (0, "line 1\ndone\n")
    assert "succeeded" in err
    code, out, _ = await baton.ran("log", job, "--json")
    assert {json.loads(line)["host"] for line in out.splitlines()} == {"web-1", "web-2", "web-3"}
    assert code == 0


@pytest.mark.parametrize("state", [state for state in State if state.final])
async def test_the_exit_code_says_how_it_ended(
    state: State, console: Console, baton: Program
) -> None:
    """Each of the nine final states, on one server of three."""
    hold(console)
    running = asyncio.create_task(baton.ran("ask", "ship shop prod", "--watch", "--json"))
    await finish(console, state)
    code, out, err = await running
    assert code == CODES[state], (out, err)
    end = json.loads(out.splitlines()[-1])
    assert end["event"] == "end"
    assert {run["host"]: run["state"] for run in end["job"]["runs"]}["web-1"] == state


async def test_ctrl_c_leaves_the_job_running(console: Console, baton: Program) -> None:
    """It says so, and how to go on; the job is not cancelled."""
    hold(console)
    process = await baton.started("ship", "shop", "prod", "--watch")
    said = await read_until(process, "running")
    job = said.split()[1].rstrip(":")
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert process.returncode == 130
    assert err.decode() == (
        f"Job {job} goes on. Watch it again: baton log {job} -f. Cancel it: baton cancel {job}.\n"
    )
    assert not any(agent.cancels for agent in console.agents)
    process = await baton.started("log", job, "-f")
    await finish(console)
    assert await process.wait() == 0


async def test_a_job_is_cancelled(console: Console, baton: Program) -> None:
    """And whoever watches learns it by the code 3."""
    hold(console)
    process = await baton.started("ship", "shop", "prod", "--watch")
    job = (await read_until(process, "running")).split()[1].rstrip(":")
    code, out, err = await baton.ran("cancel", job)
    assert (code, err) == (0, ""), out
    await until(lambda: all(agent.cancels for agent in console.agents))
    for agent in console.agents:
        await agent.finish(State.CANCELLED, "cancelled")
    assert await process.wait() == 3


async def test_what_failed_is_run_again(console: Console, baton: Program) -> None:
    """Only there; what succeeded is left alone."""
    hold(console)
    process = await baton.started("ship", "shop", "prod", "--watch")
    job = (await read_until(process, "running")).split()[1].rstrip(":")
    await finish(console, State.FAILED, "no disk")
    assert await process.wait() == 1
    for agent in console.agents:
        agent.waits = False
    code, out, err = await baton.ran("retry", job, "--watch")
    assert (code, err) == (0, ""), out
    assert [len(agent.requests) for agent in console.agents] == [2, 1, 1]


async def test_all_of_a_job_is_run_again(console: Console, baton: Program) -> None:
    """With `--all` also where it succeeded."""
    code, _, err = await baton.ran("ship", "shop", "prod", "--watch", "--json")
    assert (code, err) == (0, "")
    (job,) = await console.bot.store.ledger.recent()
    code, out, err = await baton.ran("retry", job.id, "--all", "--watch")
    assert (code, err) == (0, ""), out
    assert [len(agent.requests) for agent in console.agents] == [2, 2, 2]


async def test_what_the_bot_refuses_is_said(console: Console, baton: Program) -> None:
    """In its own words: wrong usage is 2, an unknown job 1, an unknown command 2."""
    code, out, err = await baton.ran("ship", "shop", "prd")
    assert (code, out) == (2, "")
    assert "Unknown environment “prd”. Did you mean prod?" in err
    code, _, err = await baton.ran("log", "zzzzzz")
    assert code == 1
    assert err.startswith("baton: ")
    code, _, err = await baton.ran("shipp", "shop", "prod")
    assert code == 2
    assert "There is no command “shipp”" in err
    assert "Did you mean ship?" in err
    code, _, err = await baton.ran("jobs", "--since", "yesterdy")
    assert code == 2
    assert "“yesterdy” is no time" in err
    code, _, err = await baton.ran("jobs", "--state", "good")
    assert code == 2
    assert "state" in err.lower()


@pytest.mark.parametrize("words", [("jobs",), ("servers",), ("audit",), ("schedule",), ("alerts",)])
async def test_each_list_is_a_table_or_json(
    words: tuple[str, ...], console: Console, baton: Program
) -> None:
    """For people, and for programs."""
    code, out, err = await baton.ran(*words)
    assert (code, err) == (0, "")
    assert out
    code, out, _ = await baton.ran(*words, "--json")
    assert code == 0
    name = {"schedule": "schedules"}.get(words[0], words[0])
    assert isinstance(json.loads(out)[name], list)


async def test_what_a_list_leaves_out_is_said(open_console: OpenConsole, tmp_path: Path) -> None:
    """In the words of the console, beside the output."""
    protected = Policy(environments={"prod": EnvironmentTable(protected=True)})
    console = await open_console(policy=protected)
    baton = Program(str(tmp_path), BATON_URL=console.web.url)
    code, out, err = await baton.ran("servers")
    assert (code, out.strip()) == (0, "There is nothing to show.")
    assert err.strip() == "3 servers left out: you are not allowed to read them."


async def test_the_words_of_the_chat_are_its_commands(console: Console, baton: Program) -> None:
    """`baton schedule ...` and a `/` in front too; its help is that of the chat."""
    code, out, _ = await baton.ran("schedule", "ship", "shop", "prod", "every", "5m")
    assert code == 0
    assert "ship shop prod, every 5m" in out
    code, out, _ = await baton.ran("schedule", "list")
    assert code == 0
    assert "ship shop prod" in out
    code, out, _ = await baton.ran("/ship", "--help")
    assert code == 0
    assert out.startswith("/ship ")


async def test_why_an_alert_fires(open_console: OpenConsole, tmp_path: Path) -> None:
    """`baton alerts why` asks the bot, though `alerts` is a subcommand of this program too."""
    console = await firing(open_console)
    program = Program(str(tmp_path), BATON_URL=console.web.url)
    code, out, err = await program.ran("alerts", "why", "disk")
    assert (code, err) == (0, "")
    assert "97 % full" in out


async def test_completion_knows_what_the_console_knows(console: Console, baton: Program) -> None:
    """Commands, environments, apps, jobs."""
    await console.ask("ship shop prod")
    assert (await baton.ran("complete", "bash", "--", "shi"))[1] == "ship\n"
    assert (await baton.ran("complete", "bash", "--", "ship", "sh"))[1] == "shop\n"
    assert (await baton.ran("complete", "bash", "--", "ship", "shop", "p"))[1] == "prod\n"
    _, out, _ = await baton.ran("complete", "fish", "--", "log", "")
    assert out.endswith("\tship shop prod\n")


async def test_on_a_terminal_bars_are_drawn(console: Console, baton: Program) -> None:
    """A real terminal: colours and bars, and the cursor is back at the end."""
    master, terminal = pty.openpty()
    process = await baton.started(
        "ship",
        "shop",
        "prod",
        "--watch",
        stdout=terminal,
        TERM="xterm-256color",
        COLUMNS="100",
        LINES="30",
    )
    os.close(terminal)
    seen = await asyncio.to_thread(_all, master)
    assert await process.wait() == 0
    assert "━" in seen
    assert "web-3 │ " in seen
    assert "\x1b[?25h" in seen
    assert "succeeded" in seen


def _all(master: int) -> str:
    seen = b""
    while True:
        try:
            more = os.read(master, 10_000)
        except OSError:
            break
        if not more:
            break
        seen += more
    os.close(master)
    return seen.decode()


async def test_one_line_of_another_program(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ask` waits for the end; what the bot answers itself comes at once."""
    monkeypatch.setenv("BATON_URL", console.web.url)
    monkeypatch.setenv("NO_PROXY", "*")
    done = await asyncio.to_thread(ask, "ship shop prod")
    assert done.ok
    assert "shop" in (await asyncio.to_thread(ask, "servers")).model_dump_json()
    async with Client(ClientSettings(console.web.url)) as client:
        assert [job.title for job in (await client.jobs(command="ship")).jobs] == ["ship shop prod"]


async def test_why_lists_the_gates_and_its_code_says_whether_all_are_open(
    console: Console, baton: Program
) -> None:
    """Nothing is asked; a lock of somebody else is 1."""
    code, said, _ = await baton.ran("why", "ship", "shop", "prod")
    assert code == 0, said
    assert [line.split()[:2] for line in said.splitlines()[1:4]] == [
        ["permission", "open"],
        ["freeze", "open"],
        ["lock", "open"],
    ]
    assert await console.bot.store.ledger.recent() == []
