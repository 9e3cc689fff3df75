"""An agent as its file describes it: what it trusts is in its heartbeats, which it signs itself."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from baton.agent.service import Service
from baton.agent.settings import AgentSettings
from baton.agent.trust.allow import AllowTable
from baton.agent.trust.allowance import Allowance
from baton.bus.api import API
from baton.bus.channel import Delivery, Envelope
from baton.bus.connect import connect
from baton.bus.exchanges import INPUT, OUTPUT, Queue, host_key
from baton.bus.messages import Heartbeat, State, Update, decode
from baton.bus.signing.errors import KeyUnusable, SigningNotInstalled
from baton.bus.signing.header import SIGNATURE
from baton.bus.signing.key_ring import KeyRing
from baton.bus.signing.private_key import PrivateKey
from baton.extensions import installed
from tests.baton.agent.trust.orders import BOT, trust
from tests.baton.stage import HOST, request
from tests.support.wait import until

URL = "memory://signed-service"
OWN = PrivateKey.new("web-1")


def settings(folder: Path, own: str = "own") -> AgentSettings:
    return AgentSettings.model_validate(
        {
            "bus": {"url": URL},
            "server": {"environment": "prod", "fqdn": HOST},
            "agent": {"state": str(folder), "drain": 0},
            "signing": {
                "mode": "require",
                "keys": [BOT.public.line],
                "own": str(folder / own),
            },
            "allow": {"approve": {"of": [OWN.public.line], "commands": ["deploy"]}},
        }
    )


async def test_all_that_it_reports_is_signed(tmp_path: Path) -> None:
    """Its heartbeats, which say that it insists, whom it trusts and whose approvals it counts, and
    its updates."""
    OWN.save(tmp_path / "own")
    heard: list[Envelope] = []

    async def hear(delivery: Delivery) -> None:
        heard.append(delivery.envelope)
        await delivery.ack()

    channel = await connect(URL)
    queue = Queue("heard")
    await channel.declare(queue, [(OUTPUT, "heartbeat.#"), (OUTPUT, "update.#")])
    await channel.consume(queue, hear)
    service = await Service.from_settings(settings(tmp_path), installed())
    running = asyncio.create_task(service.run())
    await until(lambda: heard)
    order = request(command="ping")
    await API(channel).publish(INPUT, host_key(HOST), order, mandatory=True)
    await until(lambda: any(one.type == "baton.update" for one in heard))
    service.stop()
    await running
    await channel.close()
    ring = KeyRing([OWN.public])
    assert {one.type for one in heard} == {"baton.heartbeat", "baton.update"}
    assert [ring.doubt(one.type, one.body, one.headers.get(SIGNATURE)) for one in heard] == [
        None
    ] * len(heard)
    messages = [decode(one.body) for one in heard]
    assert [one.state for one in messages if isinstance(one, Update)] == [State.REFUSED]
    first = messages[0]
    assert isinstance(first, Heartbeat)
    assert first.facts.signing is not None
    assert first.facts.signing.insists
    assert first.facts.signing.keys == (BOT.public.fingerprint,)
    (rule,) = first.facts.approve
    assert dict(rule.of) == {OWN.public.fingerprint: OWN.public.name}
    assert (rule.asks("deploy", "shop"), rule.asks("ping", None)) == (True, False)


async def test_a_key_that_cannot_be_used_keeps_it_from_starting(tmp_path: Path) -> None:
    """It would report unsigned what its bot then does not believe."""
    with pytest.raises(KeyUnusable, match="no such file"):
        await Service.from_settings(settings(tmp_path, "none"), installed())


def test_without_the_package_it_does_not_start_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Never does it take everything because it cannot look."""
    module = "cryptography.hazmat.primitives.asymmetric.ed25519"
    monkeypatch.setitem(sys.modules, module, None)
    for make in (
        lambda: trust("require"),
        lambda: trust("warn"),
        lambda: Allowance(AllowTable.model_validate({"approve": {"of": [BOT.public.line]}})),
    ):
        with pytest.raises(SigningNotInstalled, match=r"pip install '\.\[signing\]'"):
            make()
    assert Allowance(AllowTable()) is not None
