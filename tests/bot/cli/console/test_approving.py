"""`baton approve JOB --key FILE` beside a real console: what is signed reaches the servers."""

from __future__ import annotations

from pathlib import Path

from baton.bus.messages import Person, State, new_id
from baton.bus.plans import plan_digest
from baton.bus.signing.approver_ring import ApproverRing
from baton.bus.signing.private_key import PrivateKey
from bot.dispatch.gates.tables import GateTable
from bot.jobs import Place
from tests.bot.build import ANN
from tests.bot.cli.console.programs import Program
from tests.bot.web.console.conftest import OpenConsole
from tests.bot.world import no_groups
from tests.support.wait import until

BEA = Person(id="U_BEA", name="bea")
HERE = Place("terminal", "C_OPS")


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
