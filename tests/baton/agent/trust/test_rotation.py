"""One key of the bot replaces another on a thousand agents, while it works."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from baton.agent.trust.settings import SigningTable
from baton.agent.trust.trust import Trust
from baton.bus.api import to_envelope
from baton.bus.channel import Envelope
from baton.bus.facts import Facts
from baton.bus.messages import Request
from baton.bus.signing.private_key import PrivateKey
from baton.bus.signing.signer import KeySigner
from commands.servers import unaware
from tests.baton.stage import request

OLD, NEW = PrivateKey.new("old"), PrivateKey.new("new")
COUNT, AWAY = 1_000, 100


class Fleet:
    """Agents that insist on signatures, and a bot that asks them."""

    def __init__(self) -> None:
        self.agents = {f"web-{number:04}": trusting(OLD) for number in range(COUNT)}
        self.random = random.Random(7)

    def refused(self, signed_with: Sequence[PrivateKey], hosts: Iterable[str] = ()) -> list[str]:
        """Which of `hosts`, or of all, refuse what the bot asks."""
        order = request()
        envelope = to_envelope(order, KeySigner(signed_with))
        asked = list(hosts) or list(self.agents)
        return [host for host in asked if self._doubt(host, order, envelope)]

    def _doubt(self, host: str, order: Request, envelope: Envelope) -> str:
        return self.agents[host].doubt(order, envelope)

    def some(self) -> list[str]:
        return self.random.sample(sorted(self.agents), 40)

    def facts(self) -> list[Facts]:
        """What their heartbeats say."""
        return [
            Facts(host=host, environment="prod", signing=trust.facts)
            for host, trust in self.agents.items()
        ]


def trusting(*keys: PrivateKey) -> Trust:
    lines = [key.public.line for key in keys]
    return Trust(SigningTable.model_validate({"mode": "require", "keys": lines}))


def test_nobody_refuses_while_a_key_is_replaced() -> None:
    """As operations.md has it: the bot signs with both, each agent gets the second line in its own
    time, the bot signs with the new one alone, each agent loses the old line. At every moment no
    agent that was there refuses, and it is counted who does not know the new key. Those that were
    away refuse then, and name the key that they miss."""
    fleet, new = Fleet(), NEW.public.fingerprint
    order = sorted(fleet.agents)
    fleet.random.shuffle(order)
    there, away = order[AWAY:], sorted(order[:AWAY])
    assert fleet.refused([OLD]) == []
    assert fleet.refused([OLD, NEW]) == []
    begun = unaware(fleet.facts(), new)
    assert begun.startswith(f"1000 of 1000 do not know the key {new} yet: web-0000, ")

    for number, host in enumerate(there):
        fleet.agents[host] = trusting(OLD, NEW)
        if number % 100 == 0:
            assert fleet.refused([OLD, NEW], [host, *fleet.some()]) == []
    assert fleet.refused([OLD, NEW]) == []
    left = unaware(fleet.facts(), new)
    assert left == (f"100 of 1000 do not know the key {new} yet: {', '.join(away[:3])} and 97 more")

    assert fleet.refused([NEW], there) == []
    for number, host in enumerate(there):
        fleet.agents[host] = trusting(NEW)
        if number % 100 == 0:
            known = [one for one in fleet.some() if one in there]
            assert fleet.refused([NEW], [host, *known]) == []
    assert sorted(fleet.refused([NEW])) == away
    last = fleet.agents[away[0]].facts.last
    assert last == f"baton.request: it is signed with the key {new}, which is not trusted here"
    assert fleet.refused([OLD], there[:20]) == there[:20], "the old key is worth nothing any more"
