"""Gates: what a decision costs with 500 rules: who may, freezes, and what people agree to.

Every gate, as they are asked for one deploy to three servers that the last rule of each kind is
about. First: the patterns have not been matched yet for what is asked.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from baton.bus.facts import Facts
from baton.bus.messages import Person
from bench import harness
from bench.harness import Options, median
from bot.dispatch.gates.approval import ApprovalGate, ConfirmGate
from bot.dispatch.gates.freeze import FreezeGate
from bot.dispatch.gates.freezing.freeze_table import FreezeTable
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.dispatch.gates.lock import LockGate
from bot.dispatch.gates.permission import PermissionGate
from bot.dispatch.gates.settings import SettingsGate
from bot.dispatch.gates.situation import Asked, Intent, Situation
from bot.dispatch.gates.tables import GateRules, GateTable
from bot.dispatch.gates.waves import WavesGate
from bot.dispatch.policy import Policy, Rule

KINDS = (200, 200, 100)
"""Rules of the policy, freezes, and rules of what people agree to."""
LAST = 200
"""Behind the number of the last rule of each kind."""
HOSTS = frozenset({"web-0", "web-1", "web-2"})
TARGET = 100.0
"""Microseconds of processor time."""
FRIDAY = datetime(2026, 11, 27, 14, tzinfo=UTC)


def _freeze(number: int) -> FreezeTable:
    return FreezeTable.model_validate(
        {
            "name": f"freeze {number}",
            "environments": [f"env-{number}"],
            "zone": "Europe/London",
            "days": ["fri"],
            "from": "13:00",
        }
    )


def _gate(number: int) -> GateTable:
    where, apps = [f"env-{number}"], [f"app-{number}*"]
    return GateTable.model_validate(
        {"environments": where, "apps": apps, "approvals": 1, "of": ["@leads"]}
    )


def _server(environment: str, app: str, number: int) -> Facts:
    settings = {f"deploy.{app}": f"sha256:{number % 2}"}
    host = f"web-{number}"
    return Facts(host=host, environment=environment, apps=(app,), settings=settings)


def _rule(number: int) -> Rule:
    where, apps = (f"env-{number}",), (f"app-{number}*",)
    return Rule(who=(f"U{number}",), commands=("deploy",), environments=where, apps=apps)


class Gates:
    """The rules, and the last of them asked."""

    def __init__(self) -> None:
        rules, freezes, gates = ([*range(LAST - count, LAST)] for count in KINDS)
        self.policy = Policy([_rule(number) for number in rules])
        self.freezes = FreezesInForce([_freeze(number) for number in freezes])
        self.rules = GateRules([_gate(number) for number in gates])
        environment, app = f"env-{LAST - 1}", f"app-{LAST - 1}"
        asked = Asked(
            Intent("deploy", (environment,), app, HOSTS), Person(id=f"U{LAST - 1}", name="ann")
        )
        servers = tuple(_server(environment, app, number) for number in range(3))
        self.situation = Situation(asked, frozenset(), FRIDAY, servers=servers)

    def decide(self) -> float:
        """Return the microseconds of processor time of one decision."""
        start = time.process_time()
        intent = self.situation.intent
        about = self.freezes.about(intent.environments, intent.app)
        rules = self.rules.about(intent.command, intent.environments, intent.app)
        found = [
            gate.look(self.situation)
            for gate in (
                PermissionGate(self.policy),
                FreezeGate(about),
                LockGate(),
                ApprovalGate(rules),
                ConfirmGate(rules),
                WavesGate(rules),
                SettingsGate(),
            )
        ]
        took = time.process_time() - start
        assert [one.ok for one in found] == [True, False, True, False, True, True, True]
        return took * 1e6


async def main(options: Options) -> None:
    """Measure the first decision, and those that follow."""
    times = 200 if options.quick else 5_000
    first = median([Gates().decide() for _ in range(10)])
    gates = Gates()
    gates.decide()
    again = median([gates.decide() for _ in range(times)])
    print(f"first decision: {first:.0f} us")
    harness.verdict(f"decision with {sum(KINDS)} rules", again, TARGET, unit=" us")


if __name__ == "__main__":
    harness.run(main, __doc__)
