"""Nothing starts beside the gatekeeper, and `--why` says what it says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot
from baton.bus.messages import now
from baton.consumer import Extension
from baton.extensions import Commands
from baton.text.words import split
from bot.dispatch.gates.finding import Open, Refused
from bot.dispatch.gates.words import read_said
from bot.dispatch.plan import Plan
from bot.dispatch.reply import ReplyKind
from bot.store import Store
from tests.bot.build import ANN, OPS, Ship
from tests.bot.counter import BEN, GUARDED, ONLY_ANN, Counter, broken, table
from tests.bot.world import no_groups

ROOT = Path(bot.__file__).parent
STARTS = {
    "dispatch/dispatcher.py": "what people ask",
    "builtins/retry.py": "what is run again",
    "builtins/dead.py": "a command in place of a dead letter",
    "scheduler/firing.py": "a time of a schedule that has come",
}
UNDOES = "dispatch/gates/undoing.py"
"""What takes a job back was let in with that job."""
"""Every module that hands a job to the ledger."""


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            at = node.func
            name = at.attr if isinstance(at, ast.Attribute) else getattr(at, "id", "")
            yield name, node


def _modules() -> dict[str, ast.AST]:
    files = [file for file in ROOT.rglob("*.py") if "store" not in file.relative_to(ROOT).parts]
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text()) for file in files}


@pytest.mark.slow
def test_no_path_starts_a_job_beside_the_gatekeeper() -> None:
    """Who hands a job to the ledger, as a job or in the change of a schedule, has it from
    `admit` or `let_in`; and only the gatekeeper has jobs planned. Whoever adds a path adds it
    here."""
    starts, plans = set(), set()
    for name, tree in _modules().items():
        if any(getattr(node, "attr", "") == "start_job" for node in ast.walk(tree)):
            starts.add(name)
        for called, node in _calls(tree):
            given = {keyword.arg for keyword in node.keywords}
            if called in ("Change", "build_change") and "ask" in given:
                starts.add(name)
            if called in ("authorize_and_plan", "plan_job"):
                plans.add(name)
    assert starts == {*STARTS, UNDOES}
    assert plans == {"dispatch/planner.py", "dispatch/gates/gatekeeper.py", UNDOES}
    modules = _modules()
    for name in STARTS:
        assert {"admit", "let_in"} & {called for called, _ in _calls(modules[name])}, name


@pytest.mark.parametrize("words", ["ship shop prod --why", "why ship shop prod"])
async def test_why_lists_every_gate_and_starts_nothing(store: Store, words: str) -> None:
    """The flag and the command are one answer."""
    counter = Counter(store)
    reply = await counter.dispatcher.ask(words, asker=ANN, groups=no_groups, place=OPS, key="1")
    summary, rows = table(reply)
    assert summary == "/ship shop prod would start: every gate is open"
    assert rows[0] == ("permission", "open", "You are allowed to use /ship here.")
    assert await store.ledger.recent() == []
    (entry,) = await store.audit.recent()
    assert (entry.verdict, entry.words) == ("answered", words)


async def test_why_says_what_a_refusal_says(store: Store) -> None:
    """The same words, from the same code."""
    counter = Counter(store, ONLY_ANN)
    refused = await counter.dispatcher.ask(
        "ship shop prod", asker=BEN, groups=no_groups, place=OPS, key="1"
    )
    why = await counter.dispatcher.ask(
        "ship shop prod --why", asker=BEN, groups=no_groups, place=OPS, key="2"
    )
    summary, rows = table(why)
    assert refused.kind is ReplyKind.REFUSED
    assert rows[0] == ("permission", "closed", refused.text)
    assert summary == "/ship shop prod would not start: permission stands in its way"


async def test_of_what_is_hidden_only_the_permission_is_told(store: Store) -> None:
    """Who may not look at an environment does not learn of its locks and freezes."""
    counter = Counter(store, GUARDED)
    found = await counter.dispatcher.plan("ship shop prod", asker=BEN, groups=no_groups, place=OPS)
    assert isinstance(found, Plan)
    assert [one.gate for one in found.findings] == ["permission"]
    assert isinstance(found.findings[0], Refused)


async def test_groups_that_cannot_be_looked_up_leave_it_undecided(store: Store) -> None:
    """Only where a group decides: a rule for the person opens the gate all the same."""
    counter = Counter(store, ONLY_ANN)
    found = await counter.dispatcher.plan("ship shop prod", asker=ANN, groups=broken, place=OPS)
    assert isinstance(found, Plan)
    assert isinstance(found.findings[0], Open)


@pytest.mark.parametrize("words", ["jobs --why", "ship --why shop", "why", "why nothing"])
async def test_what_cannot_be_followed_is_said_as_without_why(store: Store, words: str) -> None:
    """A command that starts nothing has no such flag; a wrong one is told its own fault."""
    reply = await Counter(store).dispatcher.ask(
        words, asker=ANN, groups=no_groups, place=OPS, key="1"
    )
    assert reply.kind is ReplyKind.UNUSABLE


async def test_why_within_a_reason_is_a_word(store: Store) -> None:
    """What stands after `because` is somebody's own words."""
    counter = Counter(store)
    reply = await counter.dispatcher.ask(
        "log abcd because --why", asker=ANN, groups=no_groups, place=OPS, key="1"
    )
    assert reply.kind is ReplyKind.UNUSABLE


def test_what_stands_beside_why_is_read_once() -> None:
    """Slack's escapes are undone once: `&amp;lt;` is somebody's own `&lt;`."""
    said = read_said("ship shop prod --ref '&amp;lt;a&gt;' --why", Commands([Extension(Ship)]))
    assert said.why
    assert split(said.words) == ["ship", "shop", "prod", "--ref", "&lt;a>"]


async def test_why_of_a_retry_looks_at_the_job_that_it_would_start(store: Store) -> None:
    """A command of the bot that starts a job has the flag too."""
    counter = Counter(store)
    started = await counter.dispatcher.ask(
        "ship shop prod", asker=ANN, groups=no_groups, place=OPS, key="1"
    )
    await store.ledger.cancel(started.job, ANN, now())
    again = await counter.dispatcher.ask(
        f"retry {started.job} --why", asker=ANN, groups=no_groups, place=OPS, key="2"
    )
    assert table(again)[1][0][:2] == ("permission", "open")


async def test_every_gate_that_there_is_is_asked(store: Store) -> None:
    """A class that keeps the protocol of gates and is not in the list would refuse nobody, or
    somewhere else in other words: each is one row of --why."""
    folder = ROOT / "dispatch" / "gates"
    classes = [
        node.name
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(getattr(base, "id", "") == "Gate" for base in node.bases)
    ]
    found = await Counter(store).dispatcher.plan(
        "ship shop prod", asker=ANN, groups=no_groups, place=OPS
    )
    assert isinstance(found, Plan)
    asked = {one.gate for one in found.findings}
    assert len(asked) == len(found.findings)
    assert {name.removesuffix("Gate").lower() for name in classes} == asked
