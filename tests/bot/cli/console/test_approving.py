"""`baton approve | confirm | deny` beside a real console: what people read, and what a script
learns; and what is signed reaches the servers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from baton.bus.messages import Person, State, new_id
from baton.bus.plans import plan_digest
from baton.bus.signing.approver_ring import ApproverRing
from baton.bus.signing.private_key import PrivateKey
from baton.client import Client, ClientSettings
from baton.client.errors import ClientError
from bot.dispatch.gates.tables import GateTable
from bot.jobs import Place
from tests.bot.build import ANN
from tests.bot.cli.console.programs import Program
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.bot.world import no_groups
from tests.support.wait import until

BEA = Person(id="U_BEA", name="bea")
HERE = Place("terminal", "C_OPS")


async def asked(console: Console, person: Person = ANN) -> str:
    """The ID of a job that `person` has asked for in the chat, and that waits."""
    reply = await console.bot.dispatcher.ask(
        "ship shop prod", asker=person, groups=no_groups, place=HERE, key=new_id()
    )
    found = await console.bot.store.ledger.job(reply.job)
    assert found is not None
    assert {run.state for run in found[1]} == {State.HELD}
    return reply.job


async def states(console: Console, job: str) -> set[str]:
    found = await console.bot.store.ledger.job(job)
    assert found is not None
    return {run.state for run in found[1]}


async def test_people_agree_in_a_terminal(open_console: OpenConsole, tmp_path: Path) -> None:
    """`baton approve` says how far it is and, with --watch, how it ends; afterwards it says what
    became of it, and fails. One's own is refused, and a denial has its reason."""
    console = await open_console(BEA, gates=(GateTable(approvals=1),))
    baton = Program(str(tmp_path), BATON_URL=console.web.url)
    job = await asked(console)
    code, out, err = await baton.ran("approve", job[:6], "--watch")
    assert (code, err) == (0, "")
    assert out.startswith(f"Approved: ship shop prod ({job[:6]}) starts now, if nothing has")
    assert f"Job {job[:6]} (ship shop prod) succeeded" in out
    code, _, err = await baton.ran("approve", job)
    assert code == 1
    assert f"ship shop prod ({job[:6]}) was approved by bea and started at" in err
    assert (await baton.ran("confirm", job))[0] == 1
    denied = await asked(console)
    code, out, _ = await baton.ran("deny", denied, "--because", "it's {late}, “really”")
    assert (code, out) == (
        0,
        f"Denied: ship shop prod ({denied[:6]}) ends, and nothing was sent.\n",
    )
    found = await console.bot.store.ledger.job(denied)
    assert found is not None
    assert {run.text for run in found[1]} == {"denied by bea: it's {late}, “really”"}
    own = await asked(console, BEA)
    code, _, err = await baton.ran("approve", own)
    assert code == 1
    assert "you asked for it, so others approve it." in err
    assert await states(console, own) == {State.HELD}


async def test_what_waits_is_not_said_to_have_started(
    open_console: OpenConsole, tmp_path: Path
) -> None:
    """Whoever asks in a terminal reads what it waits for, and confirms it; as JSON too."""
    console = await open_console(ANN, gates=(GateTable(confirm=True),))
    baton = Program(str(tmp_path), BATON_URL=console.web.url)
    code, out, _ = await baton.ran("ship", "shop", "prod")
    (job,) = (await console.bot.store.ledger.held()).keys()
    assert code == 0
    assert out.startswith(
        f"Job {job[:6]} waits, and nothing was sent: its asker has to confirm it. Watch it: "
    )
    code, out, _ = await baton.ran("confirm", job, "--json")
    assert (code, json.loads(out)["ok"]) == (0, True)
    async with Client(ClientSettings(console.web.url)) as client:
        ended = await client.wait(job)
    assert (ended.ok, ended.waits) == (True, "")


async def test_a_program_votes(open_console: OpenConsole) -> None:
    """`baton.client` has the same: what it waits for, its plan, a vote about that plan, and an
    error with the sentence that people read. What has ended waits for nobody."""
    console = await open_console(BEA, gates=(GateTable(approvals=2),))
    job = await asked(console)
    async with Client(ClientSettings(console.web.url)) as client:
        shown = await client.job(job)
        assert shown.waits == "approvals 0 of 2 (whoever may ask for the same may)"
        plan = await client.plan(job)
        assert plan is not None
        digest = plan_digest(plan)
        with pytest.raises(ClientError, match="has changed since that was shown"):
            await client.approve(job, plan="sha256:00000000")
        voted = await client.approve(job, plan=digest)
        assert (voted.ok, voted.job) == (True, job)
        assert "approvals 1 of 2" in voted.text
        with pytest.raises(ClientError, match="has not to be confirmed"):
            await client.confirm(job)
        assert (await client.deny(job, "not & now?")).ok
        over = await client.job(job)
        assert (over.waits, {run.text for run in over.runs}) == ("", {"denied by bea: not & now?"})
        with pytest.raises(ClientError, match="ended before it started: denied by bea"):
            await client.deny(job)


async def test_a_plan_is_signed_in_a_terminal_and_counts_at_the_servers(
    open_console: OpenConsole, tmp_path: Path
) -> None:
    """It is shown, signed and approved in one step, and each request has the signature of its own
    plan."""
    console = await open_console(BEA, gates=(GateTable(approvals=1),))
    key = PrivateKey.new("bea")
    key.save(tmp_path / "key")
    asked = await console.bot.dispatcher.ask(
        "ship shop prod", asker=ANN, groups=no_groups, place=HERE, key=new_id()
    )
    store = console.bot.store
    found = await store.ledger.job(asked.job)
    assert found is not None
    assert {run.state for run in found[1]} == {State.HELD}
    baton = Program(str(tmp_path), BATON_URL=console.web.url)
    code, out, err = await baton.ran("approve", asked.job, "--key", str(tmp_path / "key"))
    assert code == 0, err
    assert "Approved: ship shop prod" in out
    assert "3 servers (web-1, web-2, web-3)" in err
    assert key.public.fingerprint in err
    await until(lambda: all(agent.requests for agent in console.agents))
    for agent in console.agents:
        (request,) = agent.requests
        assert request.plan is not None
        digest = plan_digest(request.plan)
        (given,) = request.approvals
        counted = ApproverRing([key.public], None).counted(digest, [given], given.at)
        assert list(counted.keys) == [key.public]
    code, _, err = await baton.ran("approve", asked.job, "--key", str(tmp_path / "none"))
    assert code != 0
    assert "cannot be used" in err
