"""An attacker on RabbitMQ: with its password, and then with the bot and its private key too."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from baton.agent.journal import MemoryJournal
from baton.agent.trust.allow import AllowTable
from baton.agent.trust.allowance import Allowance
from baton.bus.channel import Channel
from baton.bus.exchanges import DISCOVER
from baton.bus.messages import Discover, Look, Probe, Request, State, new_id, now
from baton.bus.plans import SurveyFacts, make_plan, plan_digest
from baton.bus.signing.approval import Approval, approval, approved_text
from baton.bus.signing.private_key import PrivateKey
from tests.baton.agent.trust.orders import STRANGER, envelope, resend, send, trust
from tests.baton.stage import HOST, Stage, Worker, agent, cancel, request
from tests.support.authenticator import Authenticator
from tests.support.wait import until

BEA, CEM = PrivateKey.new("bea"), PrivateKey.new("cem")


async def test_with_the_password_of_rabbitmq_nothing_is_executed(
    channel: Channel, stage: Stage
) -> None:
    """No request, no cancel of what runs, no probe, no answer to who is there; and what the bot
    sent before does not start again."""
    worker, probes, asked = Worker(), list[Probe](), list[bool]()
    how: dict[str, Any] = {"probe": probes.append, "discover": lambda: asked.append(True)}
    async with agent(channel, [worker], trust=trust(), **how):
        await send(stage, running := request("wait"))
        recorded = envelope(done := request())
        await resend(stage, recorded)
        await stage.ended(done)
        await until(lambda: len(worker.started) == 2)

        forged = [request(), request(), request()]
        await stage.send(forged[0])
        await send(stage, forged[1], STRANGER)
        stolen = replace(envelope(forged[2]), headers=recorded.headers)
        await resend(stage, stolen)
        await stage.send(cancel(running))
        look = Look(tcp="169.254.169.254:80")
        await stage.send(Probe(host=HOST, look=look, deadline=now() + timedelta(minutes=1)))
        await stage.send(Discover(), DISCOVER)
        await resend(stage, replace(recorded, expires=3_600.0))

        assert [(await stage.ends(each))[0] for each in forged] == [State.REFUSED] * 3
        reasons = {(await stage.dead()).headers["baton-reason"] for _ in range(2)}
        assert reasons == {
            "This baton.cancel is not believed: it is not signed.",
            "This baton.probe is not believed: it is not signed.",
        }
        await send(stage, last := request())
        assert (await stage.ends(last))[0] is State.SUCCEEDED
        assert worker.started == [running.id, done.id, last.id]
        assert (worker.stopped, probes, asked) == ([], [], [])
        worker.release.set()
        assert (await stage.ends(running))[0] is State.SUCCEEDED


def approved(order: Request, *keys: PrivateKey) -> Request:
    """`order` with its plan, as these people have signed it."""
    plan = make_plan(order.job, order.command, order.arguments, {HOST: SurveyFacts()})
    digest, at = plan_digest(plan), now().replace(microsecond=0)
    given = tuple(
        approval(digest, at, key.public, key.sign(approved_text(digest, at))) for key in keys
    )
    return order.model_copy(update={"plan": plan, "approvals": given})


async def test_a_bot_that_is_taken_over_deploys_nothing(channel: Channel, stage: Stage) -> None:
    """The attacker has rewritten the bot and has its private key: every request is signed. What
    two people have not signed does not start; what they have starts as they signed it, once."""
    lines = [BEA.public.line, CEM.public.line]
    table = AllowTable.model_validate({"approve": {"of": lines, "need": 2}})
    worker, good = Worker(), approved(request(), BEA, CEM)
    order = request("badly")
    forged = [
        order,
        approved(request("badly"), STRANGER, PrivateKey.new()),
        approved(request("badly"), BEA, BEA),
        # the approvals, or the approvals and the plan, of what was approved
        approved(request("badly")).model_copy(update={"approvals": good.approvals}),
        request("badly").model_copy(update={"plan": good.plan, "approvals": good.approvals}),
        good.model_copy(update={"id": new_id(), "arguments": order.arguments}),
        good.model_copy(update={"id": new_id()}),
        good.model_copy(update={"attempt": 2}),
    ]
    async with agent(channel, [worker], MemoryJournal(), trust=trust(), allowance=Allowance(table)):
        await send(stage, good)
        assert (await stage.ends(good))[0] is State.SUCCEEDED
        for each in forged:
            stage.heard.clear()
            await send(stage, each)
            state, text = await stage.ends(each)
            assert state is State.REFUSED
            wrong_plan = "it is not what was approved: the plan is of" in text
            assert wrong_plan or "[allow] approve" in text
    assert worker.started == [good.id]


ANNA = Authenticator("anna")


def with_passkeys(order: Request, **how: Any) -> Request:
    """`order` with its plan, which bea has signed with her key and anna with her passkey; `how` it
    was used."""
    signed = approved(order, BEA)
    assert signed.plan is not None
    given = ANNA.approves(plan_digest(signed.plan), now(), **how)
    return signed.model_copy(update={"approvals": (*signed.approvals, given)})


async def test_a_bot_that_is_taken_over_makes_up_no_passkey(channel: Channel, stage: Stage) -> None:
    """The attacker has the bot, its key, the password of RabbitMQ, the pages of the console, and
    all that passkeys have signed before: no request starts that nobody approved, each says why,
    and what was approved starts once."""
    lines = [BEA.public.line, ANNA.public.line]
    table = AllowTable.model_validate({"approve": {"of": lines, "need": 2}})
    worker, good = Worker(), with_passkeys(request())
    (by_bea, by_anna) = good.approvals
    stranger = Authenticator("anna")

    def taking(given: Approval) -> Request:
        order = approved(request("badly"), BEA)
        return order.model_copy(update={"approvals": (*order.approvals, given)})

    def by_stranger() -> Request:
        order = approved(request("badly"), BEA)
        assert order.plan is not None
        given = stranger.approves(plan_digest(order.plan), now())
        as_hers = given.model_copy(update={"key": ANNA.public.fingerprint})
        return order.model_copy(update={"approvals": (*order.approvals, as_hers)})

    forged = {
        "this is of another job": (taking(by_anna), "it is of another plan"),
        "another challenge": (with_passkeys(request(), challenge="AAAA"), "it is of another plan"),
        "another page": (
            with_passkeys(request(), origin="https://baton.example.org"),
            "it was given on the page https://baton.example.org, which is not one of origins",
        ),
        "a sign-in": (with_passkeys(request(), type="webauthn.create"), "asked for something else"),
        "nobody touched it": (with_passkeys(request(), flags=0), "nobody was there"),
        "another site": (with_passkeys(request(), site="example.org"), "for another site"),
        "another key": (by_stranger(), "it is not signed with SHA256:"),
        "of one person": (
            good.model_copy(update={"id": new_id(), "approvals": (by_anna, by_anna)}),
            "has those of anna",
        ),
        "again": (
            good.model_copy(update={"id": new_id()}),
            "its approvals have already started another request here",
        ),
    }
    async with agent(channel, [worker], MemoryJournal(), trust=trust(), allowance=Allowance(table)):
        await send(stage, good)
        assert (await stage.ends(good))[0] is State.SUCCEEDED
        for what, (order, reason) in forged.items():
            stage.heard.clear()
            await send(stage, order)
            state, text = await stage.ends(order)
            assert state is State.REFUSED, what
            assert reason in text, what
    assert worker.started == [good.id]
    assert by_bea.passkey is None
