"""Gates: what a decision costs with 500 rules, half of them freezes.

Permission, freezes and locks, as they are asked for one deploy that the last rule of each kind is
about. First: the patterns have not been matched yet for what is asked.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from baton.bus.messages import Person
from bench import harness
from bench.harness import Options, median
from bot.dispatch.gates.freeze import FreezeGate
from bot.dispatch.gates.freezing.freeze_table import FreezeTable
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.dispatch.gates.lock import LockGate
from bot.dispatch.gates.permission import PermissionGate
from bot.dispatch.gates.situation import Asked, Intent, Situation
from bot.dispatch.policy import Policy, Rule

RULES = 250
TARGET = 100.0
"""Microseconds of a decision."""
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


def _rule(number: int) -> Rule:
    where, apps = (f"env-{number}",), (f"app-{number}*",)
    return Rule(who=(f"U{number:03}",), commands=("deploy",), environments=where, apps=apps)


class Gates:
    """The rules, and the last of them asked."""

    def __init__(self) -> None:
        self.policy = Policy([_rule(number) for number in range(RULES)])
        self.freezes = FreezesInForce([_freeze(number) for number in range(RULES)])
        last = RULES - 1
        intent = Intent("deploy", (f"env-{last}",), f"app-{last}")
        asked = Asked(intent, Person(id=f"U{last:03}", name="ann"))
        self.situation = Situation(asked, frozenset(), FRIDAY)

    def decide(self) -> float:
        """Return the microseconds of one decision."""
        start = time.perf_counter()
        intent = self.situation.intent
        about = self.freezes.about(intent.environments, intent.app)
        found = [
            gate.look(self.situation)
            for gate in (PermissionGate(self.policy), FreezeGate(about), LockGate())
        ]
        took = time.perf_counter() - start
        assert [one.ok for one in found] == [True, False, True]
        return took * 1e6


async def main(options: Options) -> None:
    """Measure the first decision, and those that follow."""
    times = 200 if options.quick else 5_000
    first = median([Gates().decide() for _ in range(10)])
    gates = Gates()
    gates.decide()
    again = median([gates.decide() for _ in range(times)])
    print(f"first decision: {first:.0f} us")
    harness.verdict(f"decision with {2 * RULES} rules", again, TARGET, unit=" us")


if __name__ == "__main__":
    harness.run(main, __doc__)
