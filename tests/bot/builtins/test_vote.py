"""`/approve`, `/confirm`, `/deny`: who may say what, how it counts, and what each is answered."""

from __future__ import annotations

import pytest

from baton.bus.messages import Person, State, new_id
from bot.dispatch.gates.tables import GateTable
from bot.dispatch.policy import Policy, Rule
from bot.dispatch.protocol import GroupLookup
from bot.dispatch.reply import Reply, ReplyKind
from bot.holds import Vote
from bot.jobs import Job, Place, RunRecord
from bot.store import Store
from tests.bot.build import ANN, OPS
from tests.bot.counter import BEN, SECRET, Counter, broken
from tests.bot.world import no_groups

BEA, CEM, DAN = (Person(id=f"U_{name.upper()}", name=name) for name in ("bea", "cem", "dan"))
LEADS = GateTable(approvals=1, of=("leads",))
DBA = GateTable(approvals=1, of=("dba",))


def in_groups(*names: str) -> GroupLookup:
    async def groups() -> frozenset[str]:
        return frozenset(names)

    return groups


class Ballot:
    """A job that ann has asked for, and that waits by `gates`."""

    def __init__(self, store: Store, *gates: GateTable, policy: Policy | None = None) -> None:
        self.counter = Counter(store, policy, gates=gates)
        self._store = store

    async def opens(self) -> Ballot:
        asked = await self.counter.ask("ship shop prod", key=new_id())
        assert asked.kind is ReplyKind.STARTED, asked.text
        self.job = asked.job
        return self

    async def says(self, person: Person, words: str, *groups: str, place: Place = OPS) -> Reply:
        """What `person`, who is in `groups`, is answered; JOB is the job."""
        text = words.replace("JOB", self.job)
        return await self.counter.ask(
            text, person, groups=in_groups(*groups), place=place, key=new_id()
        )

    async def now(self) -> tuple[Job, tuple[RunRecord, ...]]:
        found = await self._store.ledger.job(self.job)
        assert found is not None
        return found

    async def votes(self) -> tuple[Vote, ...]:
        return (await self.now())[0].votes


async def test_two_rules_with_other_groups_both_have_to_be_complete(store: Store) -> None:
    """Somebody of one group counts for that rule alone; the words say how far each is."""
    ballot = await Ballot(store, LEADS, DBA).opens()
    first = await ballot.says(BEA, "approve JOB", "leads")
    assert "approvals 0 of 1 (@dba may); approvals 1 of 1 (@leads may)" in first.text
    assert "starts now" in (await ballot.says(CEM, "approve JOB", "dba")).text
    assert [vote.groups for vote in await ballot.votes()] == [{"leads"}, {"dba"}]


async def test_who_is_in_both_groups_counts_for_both_rules(store: Store) -> None:
    """It is one vote, and each rule counts it once."""
    ballot = await Ballot(store, LEADS, DBA).opens()
    assert "starts now" in (await ballot.says(BEA, "approve JOB", "leads", "dba")).text
    assert len(await ballot.votes()) == 1


@pytest.mark.parametrize("of", [("leads",), ("U_ANN",), ()])
async def test_nobody_approves_what_they_asked_for(store: Store, of: tuple[str, ...]) -> None:
    """Not by a group, not by name, and not if everybody may; they read who does."""
    ballot = await Ballot(store, GateTable(approvals=1, of=of)).opens()
    own = await ballot.says(ANN, "approve JOB", "leads")
    assert own.kind is ReplyKind.REFUSED
    assert "you asked for it, so others approve it." in own.text
    assert await ballot.votes() == ()
    (entry,) = await store.audit.recent(1)
    assert (entry.verdict, entry.job) == ("refused", ballot.job)


async def test_nobody_counts_twice(store: Store) -> None:
    """From another place, with another key, by a shorter ID: it is the same vote."""
    ballot = await Ballot(store, GateTable(approvals=2)).opens()
    await ballot.says(BEA, "approve JOB")
    for words, place in (("approve JOB", SECRET), (f"approve #{ballot.job[:5].upper()}", OPS)):
        again = await ballot.says(BEA, words, place=place)
        assert again.text.startswith(f"You have already approved ship shop prod ({ballot.job[:6]})")
        assert "approvals 1 of 2" in again.text
    assert [vote.person.id for vote in await ballot.votes()] == ["U_BEA"]


async def test_a_vote_keeps_where_it_was_said(store: Store) -> None:
    """For whoever asks later who agreed, and where; nobody reads the name of a private channel."""
    ballot = await Ballot(store, GateTable(approvals=3)).opens()
    await ballot.says(BEA, "approve JOB")
    await ballot.says(CEM, "approve JOB", place=SECRET)
    said = [(vote.place, vote.directory) for vote in await ballot.votes()]
    assert said == [("slack ops", "slack"), ("slack private channel C_SECRET", "slack")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("deny JOB because not on Fridays", "denied by bea: not on Fridays"),
        ("deny JOB because it's “late” --plan", "denied by bea: it's “late” --plan"),
        ("deny JOB not on Fridays", "denied by bea: not on Fridays"),
        ("deny JOB", "denied by bea"),
        (f"deny JOB because {'x' * 400}", f"denied by bea: {'x' * 300}"),
    ],
)
async def test_why_somebody_denies_is_kept_as_it_was_said(
    store: Store, words: str, said: str
) -> None:
    """After `because` or without it, and not without end. Nothing was sent."""
    ballot = await Ballot(store, GateTable(approvals=2)).opens()
    assert (await ballot.says(BEA, words)).text.endswith("ends, and nothing was sent.")
    job, runs = await ballot.now()
    assert {(run.state, run.text) for run in runs} == {(State.REFUSED, said)}
    assert job.closed is not None
    assert await store.ledger.outbox() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("deny", "Which job?"),
        ("deny x because late", "“x” is not the ID of a job"),
        ("deny zzzzzz because late", "No job, or more than one, matches “zzzzzz”"),
        ("approve zzzzzz", "No job, or more than one, matches “zzzzzz”"),
        ("approve 0123456789abcdef", "The job 012345 is not kept any more"),
        ("approve x", "must be the ID shown in the job's post"),
        ("confirm", "JOB is missing"),
    ],
)
async def test_a_vote_about_no_job_is_an_error(store: Store, words: str, said: str) -> None:
    """It names what was wrong, and nothing is counted."""
    ballot = await Ballot(store, GateTable(approvals=1)).opens()
    reply = await ballot.says(BEA, words)
    assert reply.kind is ReplyKind.UNUSABLE
    assert said in reply.text
    assert await ballot.votes() == ()


async def test_groups_that_cannot_be_looked_up_leave_it_undecided(store: Store) -> None:
    """They read that, and may press again; who is named by ID needs no lookup."""
    ballot = await Ballot(store, GateTable(approvals=1, of=("leads", "U_CEM"))).opens()
    reply = await ballot.counter.ask(f"approve {ballot.job}", BEA, groups=broken)
    assert reply.kind is not ReplyKind.DONE
    assert "user groups" in reply.text
    assert await ballot.votes() == ()
    assert (await ballot.says(BEA, "approve JOB", "leads")).ok


async def test_a_guest_approves_only_by_name(store: Store) -> None:
    """Groups count for members alone, as for every right."""
    guest = Person(id="U_GUEST", name="gus", standing="guest")
    by_group = await Ballot(store, LEADS).opens()
    reply = await by_group.says(guest, "approve JOB", "leads")
    assert reply.kind is ReplyKind.REFUSED
    assert await by_group.votes() == ()


async def test_without_of_it_is_whoever_may_ask_for_the_same(store: Store) -> None:
    """Who may not reads which rule would allow it; who may counts."""
    policy = Policy([Rule(who=("U_ANN", "U_BEA"))])
    ballot = await Ballot(store, GateTable(approvals=1), policy=policy).opens()
    reply = await ballot.says(CEM, "approve JOB")
    assert reply.kind is ReplyKind.REFUSED
    assert 'who = ["U_CEM"]' in reply.text
    assert (await ballot.says(BEA, "approve JOB")).ok


async def test_who_may_neither_approve_nor_ask_may_not_deny(store: Store) -> None:
    """Whoever asked, whoever may approve, and whoever may ask for the same may."""
    policy = Policy([Rule(who=("U_ANN", "U_BEN"))])
    for person, groups, may in (
        (CEM, (), False),
        (CEM, ("leads",), True),
        (BEN, (), True),
        (ANN, (), True),
    ):
        ballot = await Ballot(store, LEADS, policy=policy).opens()
        reply = await ballot.says(person, "deny JOB because late", *groups)
        assert reply.ok is may, (person, reply.text)


async def test_confirming_needs_no_approval_and_approving_no_confirming(store: Store) -> None:
    """One rule of each kind: the post says what is missing of both, in any order."""
    ballot = await Ballot(store, GateTable(confirm=True), LEADS).opens()
    first = await ballot.says(BEA, "approve JOB", "leads")
    assert "its asker has to confirm it" in first.text
    again = await ballot.says(ANN, "confirm JOB")
    assert "starts now" in again.text
    twice = await ballot.says(ANN, "confirm JOB")
    assert "already confirmed" in twice.text


async def test_an_old_button_is_about_its_own_plan(store: Store) -> None:
    """Pressed for a plan that is another by now it counts nothing, and says so."""
    ballot = await Ballot(store, GateTable(approvals=1)).opens()
    reply = await ballot.says(BEA, "approve JOB --plan 00000000")
    assert reply.kind is ReplyKind.CONFLICT
    assert "has changed since that was shown. Nothing was counted" in reply.text
    assert await ballot.votes() == ()


async def test_who_presses_after_the_end_reads_what_became_of_it(store: Store) -> None:
    """Each button of the old post: of a job that was denied, and of one that was withdrawn."""
    gates = (GateTable(approvals=2), GateTable(confirm=True))
    for end, said in (("deny JOB because late", "denied by ann: late"), ("cancel JOB", "by ann")):
        ballot = await Ballot(store, *gates).opens()
        await ballot.says(ANN, end)
        for button in ("approve JOB --plan 00000000", "confirm JOB", "deny JOB", "cancel JOB"):
            for person in (ANN, BEA):
                reply = await ballot.says(person, button)
                assert "ended before it started: " in reply.text, (button, reply.text)
                assert reply.text.endswith(f"{said}.")


async def test_a_job_that_waited_for_nobody_says_so(store: Store) -> None:
    """No rule was about it: there is nothing to approve."""
    ballot = await Ballot(store).opens()
    for words in ("approve JOB", "confirm JOB", "deny JOB"):
        reply = await ballot.says(BEA, words)
        assert reply.text.startswith(f"ship shop prod ({ballot.job[:6]}) waited for nobody")
    assert await no_groups() == frozenset()
