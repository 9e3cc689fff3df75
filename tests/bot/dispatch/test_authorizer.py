"""Who may read what, how often somebody may ask, and what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

import pytest

from baton.command import Command, Target
from baton.consumer import Extension
from baton.extensions import Commands
from baton.fields import Host, Positional
from baton.messages import Person, now
from bot.dispatch.context import Invocation
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.dispatch.rate_limiter import LimitsTable, PersonRateLimiter
from bot.dispatch.reply import Reply
from bot.fronts.errors import FrontError
from bot.jobs import Place
from bot.store import PostRow, Store
from tests.bot.build import ANN, OPS, update
from tests.bot.counter import Counter
from tests.bot.world import no_groups

BEN = Person(id="U_BEN", name="ben")
GUEST = Person(id="U_GUEST", name="gus", standing="guest")
SECRET = Place("slack", "C_SECRET", name="privategroup")
GUARDED = Policy(
    [
        Rule(who=("U_ANN",), commands=("ship", "hail", "servers")),
        Rule(who=("@readers",), commands=("log", "jobs", "audit", "servers", "alerts")),
    ],
    {"prod": EnvironmentTable(protected=True, ask="#ops"), "staging": EnvironmentTable(open=True)},
)


async def readers() -> frozenset[str]:
    return frozenset({"readers"})


async def broken() -> frozenset[str]:
    raise FrontError(front="Slack", reason="no route")


def table(reply: Reply) -> tuple[str, list[tuple[str, ...]]]:
    assert reply.answer is not None, reply
    return reply.answer.summary, list(reply.answer.rows)


@pytest.fixture
def counter(store: Store) -> Counter:
    return Counter(store, GUARDED)


async def test_the_output_of_a_protected_job_needs_a_rule(counter: Counter) -> None:
    """Its asker reads it, and whoever a rule lets; others are told the rule. Both are kept."""
    job = (await counter.ask("ship shop prod")).job
    await counter.store.ledger.hear([update(1, text="secret", job=job)], now())
    assert (await counter.ask(f"log {job}")).answer is not None
    assert (await counter.ask(f"log {job}", BEN, groups=readers)).answer is not None
    refused = await counter.ask(f"log {job}", BEN)
    assert not refused.ok
    assert refused.answer is None
    assert refused.text == (
        "Not allowed: /log shop in prod. prod is protected: looking at it needs a rule in "
        'baton.toml. Required rule: [[allow]] who = ["U_BEN"], commands = ["log"], '
        'environments = ["prod"], apps = ["shop"]. Ask #ops.'
    )
    entry = await counter.audit()
    assert (entry.verdict, entry.job) == ("refused", job)
    unknown = await counter.ask(f"log {job}", BEN, groups=broken)
    assert unknown.text.startswith("It cannot be known now")
    assert (await counter.audit()).verdict == "undecided"


async def test_jobs_leaves_out_what_may_not_be_read(counter: Counter) -> None:
    """Protected environments and private channels; how many is said, and why."""
    await counter.ask("ship shop prod")
    await counter.ask("ship shop staging")
    await counter.ask("hail staging", place=SECRET)
    summary, rows = table(await counter.ask("jobs", BEN))
    assert [row[2] for row in rows] == ["ship shop staging"]
    assert summary == ("The latest jobs: 1; 2 jobs left out: you are not allowed to read them")
    summary, rows = table(await counter.ask("jobs", BEN, place=SECRET))
    assert [row[2] for row in rows] == ["hail staging", "ship shop staging"]
    assert "1 job left out: you are not allowed to read it" in summary
    summary, rows = table(await counter.ask("jobs", BEN, groups=readers))
    assert len(rows) == 3
    summary, rows = table(await counter.ask("jobs prod", BEN, groups=broken))
    assert rows == []
    assert "1 job left out: your user groups could not be looked up" in summary


async def test_a_private_job_is_not_read_from_elsewhere(counter: Counter) -> None:
    """However open its environment; nothing of it is in the refusal."""
    job = (await counter.ask("ship shop staging --ref hush", place=SECRET)).job
    refused = await counter.ask(f"log {job}", BEN)
    assert refused.text.startswith(
        "Not allowed: /log shop in staging. It was asked in a private channel."
    )
    assert "hush" not in refused.text
    assert (await counter.ask(f"log {job}", BEN, place=SECRET)).ok
    assert (await counter.ask(f"log {job}")).ok


async def test_audit_leaves_out_what_may_not_be_read(counter: Counter) -> None:
    """Requests about protected environments, and what was said in private channels, whatever
    became of it."""
    await counter.ask("ship shop prod")
    await counter.ask("ship shop prod now")
    await counter.ask("ship shop staging", place=SECRET)
    await counter.ask("hello", place=SECRET)
    await counter.ask("ship shop staging")
    summary, rows = table(await counter.ask("audit", BEN))
    assert [row[3] for row in rows] == ["audit", "ship shop staging"]
    assert summary == (
        "The latest requests: 2; 4 requests left out: you are not allowed to read them"
    )
    _, rows = table(await counter.ask("audit"))
    assert [row[2] for row in rows[-4:]] == [
        "private channel C_SECRET",
        "private channel C_SECRET",
        "ops",
        "ops",
    ]


async def test_servers_of_a_protected_environment_are_seen_by_whom_a_rule_lets(
    counter: Counter,
) -> None:
    """Others see the rest, and how many there are besides; asked for alone they are refused."""
    summary, rows = table(await counter.ask("servers", BEN))
    assert [row[0] for row in rows] == ["web-9"]
    assert "2 servers left out: you are not allowed to read them" in summary
    refused = await counter.ask("servers prod", BEN)
    assert 'commands = ["servers"], environments = ["prod"]' in refused.text
    typo = await counter.ask("servers prodd", BEN)
    assert "prod." not in typo.text
    assert len(table(await counter.ask("servers"))[1]) == 3
    shut = Policy(environments={name: EnvironmentTable(protected=True) for name in ("prod",)})
    alone = Counter(counter.store, shut)
    alone.roster._heartbeats.pop("web-9")
    refused = await alone.ask("servers", BEN)
    assert refused.text.startswith("Not allowed: /servers in prod.")
    assert "web-1" not in refused.text


@pytest.mark.parametrize("text", ["help", "servers", "jobs", "hail staging", "xyz", "log abcd"])
async def test_a_stranger_reads_nothing(counter: Counter, text: str) -> None:
    """One plain sentence, help included; and it is kept."""
    reply = await counter.ask(text, GUEST)
    assert (reply.ok, reply.answer) == (False, None)
    assert reply.text == (
        "Not allowed: you are a guest, and no rule in baton.toml names your user ID (U_GUEST)."
    )
    assert (await counter.audit()).verdict == "refused"


async def test_a_guest_with_a_rule_has_that_right_only(store: Store) -> None:
    """What members may without a rule they may not."""
    rule = Rule(who=("U_GUEST",), commands=("hail",), environments=("staging",))
    counter = Counter(store, Policy([rule], {"staging": EnvironmentTable(open=True)}))
    assert (await counter.ask("hail staging", GUEST)).ok
    assert (await counter.ask("help", GUEST)).ok
    assert not (await counter.ask("ship shop staging", GUEST)).ok
    assert not (await counter.ask("servers", GUEST)).ok
    assert not (await counter.ask("hail prod", GUEST)).ok


async def test_whoever_may_look_may_cancel_what_only_looks(store: Store) -> None:
    """Cancelling is judged as what is cancelled: a ping is free, a change is not."""
    counter = Counter(store, Policy([Rule(who=("U_ANN",))]))
    job = (await counter.ask("hail prod")).job
    assert (await counter.ask(f"cancel {job}", BEN)).ok
    job = (await counter.ask("ship shop prod")).job
    refused = await counter.ask(f"cancel {job}", BEN)
    assert refused.text.startswith(f"Not allowed: /cancel {job[:6]} in prod.")


async def test_an_unknown_environment_is_said_to_be_unknown(store: Store) -> None:
    """A typo is a typo, not a missing rule; what is named in the settings is known."""
    counter = Counter(store, Policy(environments={"old": EnvironmentTable()}))
    assert "Did you mean prod?" in (await counter.ask("ship shop prdo")).text
    assert "Required rule" in (await counter.ask("ship shop old")).text


async def shown(counter: Counter, job: str, ref: str, thread: str = "") -> None:
    await counter.store.posts.begin(PostRow(job, job, "slack", OPS.channel, now(), thread=thread))
    await counter.store.posts.shown(job, ref, "digest", now())


async def test_of_several_jobs_in_a_thread_none_is_chosen_for_somebody(store: Store) -> None:
    """`cancel` stops the only one that is their own, else none, and names them."""
    counter = Counter(store)
    thread = replace(OPS, thread="ts-1")
    first = (await counter.ask("ship shop prod")).job
    second = (await counter.ask("ship shop staging", BEN)).job
    await shown(counter, first, "ts-1")
    await shown(counter, second, "ts-2", "ts-1")

    async def cancels(person: Person) -> Reply:
        return await counter.desk.cancel_in_thread(thread, asker=person, groups=no_groups)

    reply = await cancels(Person(id="U_DAN", name="dan"))
    assert not reply.ok
    for words in ("2 open jobs", first[:6], second[:6], "ship shop prod", "ship shop staging"):
        assert words in reply.text
    assert len(await store.ledger.outbox()) == 3
    assert (await counter.audit()).words == "cancel"
    assert (await cancels(GUEST)).text.startswith("Not allowed: you are a guest")
    assert (await cancels(BEN)).job == second
    assert (await cancels(Person(id="U_DAN"))).job == first


async def test_too_many_requests_are_refused_and_counted(store: Store) -> None:
    """Each person has a burst and a rate; the first refusal is kept, and how many there were."""
    clock = [0.0]
    limits = LimitsTable(requests_per_minute=30, burst=10)
    counter = Counter(store, pace=PersonRateLimiter(limits, lambda: clock[0]))
    for _ in range(10):
        assert (await counter.ask("help")).ok
    replies = [await counter.ask("ship shop prod") for _ in range(25)]
    assert {(reply.ok, reply.job) for reply in replies} == {(False, "")}
    assert replies[0].text == (
        "Too many requests: 30 per minute are allowed for each person. Nothing was done. "
        "Try again in 2 s."
    )
    assert (await counter.ask("help", BEN)).ok
    clock[0] += 2
    assert (await counter.ask("ship shop prod")).ok
    assert not (await counter.desk.cancel("abcd", asker=ANN, groups=no_groups, place=OPS)).ok
    clock[0] += 100
    assert (await counter.ask("help", BEN)).ok
    kept = [one for one in await store.audit.recent(100) if one.verdict == "limited"]
    assert [one.reason.partition(":")[0] for one in kept] == [
        "26 requests were refused",
        "Too many requests",
    ]
    assert {one.words for one in kept} == {"ship shop prod"}
    assert counter.audit_log.counts["limited"] == 27


def test_the_people_whose_pace_is_known_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked longest ago is forgotten."""
    monkeypatch.setattr("bot.dispatch.rate_limiter.MAX_PEOPLE", 3)
    pace = PersonRateLimiter(LimitsTable(), lambda: 0.0)
    for number in range(10):
        pace.take(_ask(str(number)))
    assert len(pace._people) == 3


def _ask(person: str) -> Invocation:
    return Invocation("help", Person(id=person), OPS, person, now())


@pytest.mark.parametrize(
    "text",
    [
        "ship shop prod\0",
        "jobs \0",
        "jobs \ud800",
        "help \ud83d",
        "log \0\0\0\0",
        "audit --last " + "9" * 5000,
        "jobs " + "x" * 5000,
        "y" * 100_000,
        "audit --last ١٢",
        "\u202eping prod",
        "servers \0",
        "cancel " + "a" * 32,
    ],
)
async def test_whatever_is_typed_is_answered_and_kept_in_bounds(store: Store, text: str) -> None:
    """No word is too odd or too long, and none blinds the audit."""
    counter = Counter(store)
    reply = await counter.ask(text)
    assert reply.text or reply.answer
    entry = await counter.audit()
    assert len(entry.words) <= 1000
    assert len(entry.reason) <= 1000
    assert entry.words.encode()
    _, rows = table(await counter.ask("audit"))
    assert [row[-1] for row in rows] == ["answered", entry.verdict]
    assert all(len(cell) <= 80 for row in rows for cell in row)
    assert not any("\u202e" in cell for row in rows for cell in row)


async def test_a_mention_is_audited_by_the_names_that_were_heard_before(store: Store) -> None:
    """A mention names neither its author nor its channel; what a slash command named is known, by
    a bot that starts later too."""
    await Counter(store).ask("help")
    later = Counter(store)
    await later.ask("help", Person(id="U_ANN"), place=replace(OPS, name=""))
    entry = await later.audit()
    assert (entry.person.name, entry.place.name) == ("ann", "ops")
    await later.ask("help", Person(id="U_ANN"), place=replace(SECRET, name=""))
    assert (await later.audit()).place.name == ""


class Look(Command):
    """Look at a server, wherever it is."""

    name: ClassVar[str] = "look"
    changes: ClassVar[bool] = False
    host: Annotated[Host, Positional]

    @property
    def target(self) -> Target:
        return Target(host=self.host)


async def test_a_typo_names_no_server_of_an_environment_that_is_not_theirs(
    counter: Counter,
) -> None:
    """Who may not look at prod does not learn what it has by asking for what it has not."""
    counter = Counter(counter.store, GUARDED, commands=Commands([Extension(Look)]))
    told = (await counter.ask("look web-8", BEN)).text
    assert "web-9" in told
    assert "web-1" not in told
    told = (await counter.ask("look web-8", GUEST)).text
    assert "web-" not in told
    counter.authorizer.policy = Policy(
        [Rule(who=("U_BEN",))], {"prod": EnvironmentTable(protected=True)}
    )
    assert "web-1" in (await counter.ask("look web-8", BEN)).text
