from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from baton.channel import Link
from baton.errors import ExtensionError
from baton.messages import Person, State, new_id, now
from bot.app.assemble import ANSWERED_HERE
from bot.builtins.cancel import CancelHandler
from bot.dispatch.context import Invocation
from bot.dispatch.dispatcher import CommandDispatcher
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.fronts.errors import FrontError
from bot.priority import ForegroundPriority
from bot.store import PostRow, Store
from tests.bot.build import ANN, OPS, update
from tests.bot.counter import Counter
from tests.bot.world import COMMANDS, away, no_groups

BEN = Person(id="U_BEN", name="ben")
SHUT = Policy(
    environments={
        "prod": EnvironmentTable(protected=True, ask="#ops"),
        "staging": EnvironmentTable(open=True),
    }
)
STAGING = {"staging": EnvironmentTable(open=True)}
ONLY_ANN = Policy([Rule(who=("U_ANN",), environments=("prod",))], STAGING)


@pytest.fixture
def counter(store: Store) -> Counter:
    return Counter(store)


@pytest.mark.parametrize(
    "text",
    [
        "ship shop prod.",
        "hail prod!",
        "`ship shop prod`",
        "*ship shop prod*",
        "ship\u3000shop\u00a0prod\u200e",
        "ship shop prod --host web-1.",
        "help ship.",
        "servers?",
    ],
)
async def test_what_surrounds_a_command_is_no_part_of_it(counter: Counter, text: str) -> None:
    """Marks round the whole, spaces of every kind, and a full stop where the word without it is
    known."""
    assert (await counter.ask(text)).ok


async def test_what_a_key_began_is_known(counter: Counter) -> None:
    """By its words; what was refused or only answered began nothing. A cancel in a thread too."""
    for key, text in (("k1", "hail nowhere"), ("k2", "jobs"), ("k3", "ship shop prod")):
        await counter.ask(text, key=key)
    assert await counter.desk.started_by("k1") is None
    assert await counter.desk.started_by("k2") is None
    begun = await counter.desk.started_by("k3")
    assert begun is not None
    assert (begun.words, bool(begun.job)) == ("ship shop prod", True)
    posts, job = counter.store.posts, begun.job
    await posts.begin(PostRow(job, job, "slack", OPS.channel, now()))
    await posts.shown(job, "ts-1", "digest", now())
    thread = replace(OPS, thread="ts-1")
    await counter.desk.cancel_in_thread(thread, asker=ANN, groups=no_groups, key="k4")
    assert await counter.desk.started_by("k4") is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Nothing was asked."),
        ("shipp shop prod", "There is no command “shipp”. Did you mean ship?"),
        ("ship shop", "ENVIRONMENT is missing."),
        ("ship shop prod now", "“now” is one word too many."),
        ("ship ../etc prod", "APP: “../etc” will not do"),
        ("ship shop prdo", "Did you mean prod?"),
        ("ship shpo prod", "No server of prod runs “shpo”. Did you mean shop?"),
        ("ship shop prod --host web-7", "No such server there: “web-7”."),
        ("cancel", "JOB is missing."),
        ("cancel ../x", "it must be the id that a job's post shows"),
        ("cancel 0000", "There is no job 0000"),
        ("log zzzz", "There is no job zzzz"),
        ("help nothing", "There is no command “nothing”."),
        ("audit --last 0", "--last: “0” will not do"),
    ],
)
async def test_bad_input_gets_one_message_and_begins_nothing(
    counter: Counter, text: str, says: str
) -> None:
    """It names what was wrong and what is known; it is kept for audit, and nothing else is."""
    reply = await counter.ask(text)
    assert not reply.ok
    assert says in reply.text
    assert not reply.job
    assert (await counter.audit()).verdict == "unusable"
    assert (await counter.audit()).words == text
    assert await counter.store.ledger.recent() == []
    assert counter.woken == []


async def test_a_server_may_be_unknown_because_the_bot_is_blind(counter: Counter) -> None:
    """Who names a server that we never heard reads that we cannot hear; who mistypes does not."""
    counter.roster.link_changed(Link.DOWN)
    assert "not seen the message bus since" in (await counter.ask("ship shop prdo")).text
    assert "message bus" not in (await counter.ask("ship shop")).text


async def test_what_is_allowed_becomes_a_job(counter: Counter) -> None:
    """The job, its runs, what is to be sent and the audit entry are there; others are woken."""
    reply = await counter.ask("/ship shop prod --ref v2")
    assert reply.ok
    assert counter.woken == [reply.job]
    found = await counter.store.ledger.job(reply.job)
    assert found is not None
    assert found[0].title == "ship shop prod --ref v2"
    assert [run.host for run in found[1]] == ["web-1", "web-2"]
    assert len(await counter.store.ledger.outbox()) == 2
    entry = await counter.audit()
    assert (entry.verdict, entry.job, entry.environment) == ("allowed", reply.job, "prod")
    assert (entry.person, entry.place.name) == (ANN, "ops")


async def test_a_refusal_names_the_missing_rule_and_is_kept(store: Store) -> None:
    """Nothing is sent; the one who asks reads which rule is missing and whom to ask."""
    counter = Counter(store, SHUT)
    reply = await counter.ask("ship shop prod")
    assert not reply.ok
    assert 'who = ["U_ANN"], commands = ["ship"], environments = ["prod"]' in reply.text
    assert "Ask #ops." in reply.text
    entry = await counter.audit()
    assert (entry.verdict, entry.environment, entry.job) == ("refused", "prod", "")
    assert entry.reason == reply.text
    assert await store.ledger.recent() == []
    assert (await counter.ask("ship shop staging")).ok


async def test_what_is_answered_here_is_kept_too(counter: Counter) -> None:
    """Every ask is kept, also one that only looks."""
    reply = await counter.ask("servers prod")
    assert reply.answer is not None
    assert [row[0] for row in reply.answer.rows] == ["web-1", "web-2"]
    entry = await counter.audit()
    assert (entry.verdict, entry.environment) == ("answered", "prod")


async def test_the_same_key_is_the_same_ask(counter: Counter) -> None:
    """What a front end delivers twice begins one job and is kept once."""
    first = await counter.ask("ship shop prod", key="twice")
    second = await counter.ask("ship shop prod", key="twice")
    assert first.job == second.job
    assert len(await counter.store.ledger.recent()) == 1
    kept = await counter.store.audit.recent(10)
    assert [entry.job for entry in kept] == [first.job]


async def test_a_key_that_was_refused_is_judged_anew(store: Store) -> None:
    """A refusal is no job: when the rule is there, the same delivery may begin one."""
    assert not (await Counter(store, SHUT).ask("ship shop prod", key="again")).ok
    assert (await Counter(store).ask("ship shop prod", key="again")).ok


@pytest.mark.parametrize("text", ["ship shop prod", "hail prod", "cancel abcd", "jobs", "audit"])
async def test_without_the_database_nothing_is_done_and_that_is_said(
    counter: Counter, text: str
) -> None:
    """The reply says what is wrong and that nothing became of the ask."""
    with away(counter.store):
        reply = await counter.ask(text)
        assert not reply.ok
        assert reply.text.startswith("Nothing was done: The database")
        assert "its disk is full" in reply.text
        assert counter.woken == []
    assert await counter.store.ledger.recent() == []


async def test_without_the_database_what_needs_none_is_still_answered(store: Store) -> None:
    """A mistake is explained, a refusal given and the servers shown."""
    counter = Counter(store, SHUT)
    with away(store):
        assert "is missing" in (await counter.ask("ship shop")).text
        assert "Not allowed: /ship shop in prod." in (await counter.ask("ship shop prod")).text
        assert (await counter.ask("servers")).ok
        assert "/ship APP ENVIRONMENT" in (await counter.ask("help")).text


async def test_groups_are_looked_up_only_when_they_decide(store: Store) -> None:
    """Somebody who may, or a policy without groups, costs no look-up."""
    calls: list[str] = []

    async def oncall() -> frozenset[str]:
        calls.append("groups")
        return frozenset({"oncall", "S0NC4LL"})

    rules = [Rule(who=("@oncall", "U_ANN"), environments=("prod",))]
    counter = Counter(store, Policy(rules))
    assert (await counter.ask("ship shop prod", groups=oncall)).ok
    assert calls == []
    assert (await counter.ask("ship shop prod", BEN, groups=oncall)).ok
    assert calls == ["groups"]
    assert not (await Counter(store, ONLY_ANN).ask("ship shop prod", BEN, groups=oncall)).ok
    assert calls == ["groups"]


async def test_groups_that_cannot_be_looked_up_refuse_and_say_so(store: Store) -> None:
    """What is not known is not allowed, and said to be so: no rule is said to be missing, and the
    audit has a verdict of its own. A rule of another command or environment changes nothing."""

    async def broken() -> frozenset[str]:
        raise FrontError(front="Slack", reason="no route")

    rules = [Rule(who=("@oncall",), environments=("prod",))]
    reply = await Counter(store, Policy(rules)).ask("ship shop prod", groups=broken)
    assert not reply.ok
    assert reply.text.startswith("It cannot be known now whether you are allowed to do this")
    assert "Try again in a minute." in reply.text
    assert "no route" in reply.text
    assert "rule:" not in reply.text
    assert (await Counter(store).audit()).verdict == "undecided"
    rules = [Rule(who=("@oncall",), environments=("staging",))]
    reply = await Counter(store, Policy(rules)).ask("ship shop prod", groups=broken)
    assert "Required rule" in reply.text


async def test_the_asker_and_whoever_might_have_asked_may_cancel(store: Store) -> None:
    """Others are refused, and that is kept with the job."""
    counter = Counter(store, ONLY_ANN)
    job = (await counter.ask("ship shop prod")).job
    reply = await counter.desk.cancel(job, asker=BEN, groups=no_groups, place=OPS)
    assert not reply.ok
    assert 'who = ["U_BEN"], commands = ["ship"]' in reply.text
    entry = await counter.audit()
    assert (entry.verdict, entry.job, entry.environment) == ("refused", job, "prod")
    reply = await Counter(store, SHUT).desk.cancel(job, asker=ANN, groups=no_groups, place=OPS)
    assert reply.ok
    entry = await counter.audit()
    assert (entry.verdict, entry.job, entry.words) == ("allowed", job, f"cancel {job}")
    open_job = (await counter.ask("ship shop staging")).job
    reply = await counter.desk.cancel(open_job, asker=BEN, groups=no_groups, place=OPS)
    assert reply.ok


async def test_a_job_of_which_nothing_was_sent_is_cancelled_at_once(counter: Counter) -> None:
    """Its requests are withdrawn; a second cancel finds it ended."""
    job = (await counter.ask("ship shop prod")).job
    reply = await counter.ask(f"cancel {job}")
    assert reply.text == "ship shop prod is cancelled: nothing of it had begun."
    assert counter.woken == [job, job]
    found = await counter.store.ledger.job(job)
    assert found is not None
    assert {run.state for run in found[1]} == {State.CANCELLED}
    assert (await counter.ask(f"cancel {job}")).text.endswith("has ended already: nothing runs.")


async def test_a_job_under_way_is_asked_to_stop_once(counter: Counter) -> None:
    """The id's first letters do, with or without #; who asked first is named to the second."""
    job = (await counter.ask("ship shop prod")).job
    rows = await counter.store.ledger.outbox()
    await counter.store.ledger.settle({row.id: row.taken_up_by(now()) for row in rows}, at=now())
    assert (await counter.ask(f"cancel #{job[:6].upper()}")).text == (
        "Asked 2 servers to stop ship shop prod."
    )
    assert (await counter.ask(f"cancel {job}", BEN)).text == (
        "ann asked to stop ship shop prod already."
    )
    assert len(await counter.store.ledger.outbox()) == 2


async def test_what_is_answered_here_has_somebody_who_answers(counter: Counter) -> None:
    """That nobody answers a command is an error at the start, not when somebody asks for it."""
    assert {one.command.name for one in ANSWERED_HERE} <= {*counter.handlers}
    assert "servers" in counter.handlers
    del counter.handlers["jobs"]
    with pytest.raises(ExtensionError, match="extension jobs cannot be used"):
        CommandDispatcher(
            counter.desk.commands,
            counter.handlers,
            counter.desk._planner,
            counter.authorizer,
            counter.audit_log,
            counter.store.ledger,
            counter.roster,
            wake=counter.woken.append,
            way=ForegroundPriority(),
        )


async def test_of_two_who_cancel_at_the_same_moment_one_was_first(counter: Counter) -> None:
    """Both read the job before either cancelled it; the second is told who did."""
    job = (await counter.ask("ship shop prod")).job
    rows = await counter.store.ledger.outbox()
    await counter.store.ledger.settle({row.id: row.taken_up_by(now()) for row in rows}, at=now())
    found = await counter.store.ledger.job(job)
    assert found is not None
    canceller = counter.handlers["cancel"]
    assert isinstance(canceller, CancelHandler)
    asks = [Invocation(f"cancel {job}", who, OPS, new_id(), now()) for who in (ANN, BEN)]
    replies = await asyncio.gather(*(canceller.stop(found[0], ask) for ask in asks))
    assert sorted(reply.text.partition(" ")[0] for reply in replies) in (
        ["Asked", "ann"],
        ["Asked", "ben"],
    )


async def test_cancel_in_a_thread_means_the_job_that_is_shown_there(counter: Counter) -> None:
    """Nothing but the thread need be named."""
    job = (await counter.ask("ship shop prod")).job
    thread = replace(OPS, thread="ts-1")
    ask = {"asker": ANN, "groups": no_groups}
    reply = await counter.desk.cancel_in_thread(thread, **ask)  # type: ignore[arg-type]
    assert (reply.ok, reply.text) == (False, "No job of mine is shown in this thread.")
    await counter.store.posts.begin(PostRow(job, job, "slack", OPS.channel, now()))
    await counter.store.posts.shown(job, "ts-1", "digest", now())
    with away(counter.store):
        reply = await counter.desk.cancel_in_thread(thread, **ask)  # type: ignore[arg-type]
        assert reply.text.startswith("Nothing was done")
    reply = await counter.desk.cancel_in_thread(thread, **ask)  # type: ignore[arg-type]
    assert (reply.ok, reply.job) == (True, job)


async def test_log_gives_the_whole_output(counter: Counter) -> None:
    """Every line of every server, as a document; of a job that said nothing, who is there."""
    job = (await counter.ask("ship shop staging")).job
    silent = (await counter.ask(f"log {job}")).answer
    assert silent is not None
    assert silent.summary == f"Job {job[:6]} (ship shop staging) produced no output."
    assert silent.rows == (("web-9", "queued", "", ""),)
    found = await counter.store.ledger.job(job)
    assert found is not None
    run: dict[str, Any] = {
        "job": job,
        "host": "web-9",
        "request": found[1][0].request,
        "environment": "staging",
    }
    said = [
        update(number, text=f"line {number}\nand more", step="build", **run) for number in (1, 2)
    ]
    await counter.store.ledger.hear(said, now())
    reply = await counter.ask(f"log {job[:5]}")
    assert reply.answer is not None
    assert reply.answer.summary == f"ship shop staging, {job}: what its server said, times in UTC"
    lines = reply.answer.document.splitlines()
    assert [line[9:] for line in lines] == [
        "web-9 [build] line 1",
        "web-9 [build] and more",
        "web-9 [build] line 2",
        "web-9 [build] and more",
    ]
    assert (await counter.audit()).job == job
    one = (await counter.ask(f"log {job} --host web-9")).answer
    assert one is not None
    assert one.summary == f"ship shop staging, {job}: what web-9 said, times in UTC"
    assert one.document == reply.answer.document
    other = await counter.ask(f"log {job} --host web-8")
    assert not other.ok
    assert f"Unknown server “web-8” in job {job[:6]}" in other.text


async def test_jobs_and_audit_show_the_latest(counter: Counter) -> None:
    """Who asked what, where, and how it went."""
    job = (await counter.ask("ship shop prod")).job
    await counter.ask("hail staging", BEN)
    await counter.ask("ship shop nowhere")
    assert (await counter.ask("jobs nowhere")).text == "No job was asked for in nowhere yet."
    jobs = (await counter.ask("jobs prod")).answer
    assert jobs is not None
    assert [(row[0], row[2], row[3], row[4]) for row in jobs.rows] == [
        (job[:6], "ship shop prod", "ann", "queued")
    ]
    audit = (await counter.ask("audit --last 6")).answer
    assert audit is not None
    assert [row[1:] for row in audit.rows] == [
        ("ann", "ops", "audit --last 6", "answered"),
        ("ann", "ops", "jobs prod", "answered"),
        ("ann", "ops", "jobs nowhere", "answered"),
        ("ann", "ops", "ship shop nowhere", "unusable"),
        ("ben", "ops", "hail staging", "allowed"),
        ("ann", "ops", "ship shop prod", "allowed"),
    ]


async def test_help_lists_and_explains(counter: Counter) -> None:
    """Two lines for each command, none of them wide; the whole of one that is named."""
    first, blank, *every = (await counter.ask("help")).text.splitlines()
    assert (first, blank) == ("Available commands. For details: /help COMMAND", "")
    assert len(every) == 2 * len(COMMANDS)
    assert all(usage.startswith("/") for usage in every[::2])
    assert all(summary.startswith("    ") for summary in every[1::2])
    assert max(map(len, every)) < 100
    one = (await counter.ask("help /ship")).text
    assert one.startswith("/ship APP ENVIRONMENT [--ref REF] [--host HOST]")
