"""Simulated fleets: never more servers are away than may be, over kills, losses, failures and
second thoughts. A bot that dies is one that decides again from the same rows."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from baton.bus.messages import State
from bot.rollout.decide import Ask, Decision, Done, Open, Revert, Stop, Wait, decide
from bot.rollout.values import BAD_VERSION, BLIND, NOT_BEGUN, Reading, Rollout
from bot.rollout.waves import slower
from tests.bot.rollout.test_rollout import T0, begun, ended, rollout, with_members

SEEDS = 300
"""How many fleets are simulated; `python -m tests.bot.rollout.test_simulated` has 1,000."""
ENDS = [State.SUCCEEDED] * 12 + [
    State.FAILED,
    State.REFUSED,
    State.EXPIRED,
    State.UNROUTABLE,
    State.LOST,
    State.INTERRUPTED,
]


@dataclass
class Simulation:
    """A fleet, and what became of it."""

    it: Rollout
    dice: random.Random
    at: datetime = T0
    begun: set[str] = field(default_factory=set)

    def step(self) -> Decision:
        """Decide, carry it out, and let something happen."""
        decision = decide(self.it, self.at)
        assert decide(self.it, self.at) == decision, "another bot decides the same"
        if isinstance(decision, Open):
            self.open(decision)
        elif isinstance(decision, Stop):
            self.it = replace(self.it, stopped=decision.text)
            held = tuple(one.host for one in self.it.members if one.held)
            self.it = ended(self.it, held, State.CANCELLED, self.at)
        elif isinstance(decision, Ask) and self.dice.random() < 0.5:
            seen = self.it.overlooked | decision.hosts
            let_on = max(self.it.let_on, decision.wave)
            self.it = replace(self.it, overlooked=seen, let_on=let_on)
        elif isinstance(decision, Wait):
            running = any(one.in_flight for one in self.it.members)
            assert running or decision.until or self.it.paused, f"it hangs: {decision}"
        self.happen(decision)
        return decision

    def open(self, decision: Open) -> None:
        """Check what is opened, and open it."""
        it, before = self.it, self.it.unavailable()
        members = {one.host: one for one in it.members}
        assert not it.paused, "it is paused"
        assert not it.stopped, "it was stopped"
        assert not self.begun & {*decision.hosts}, "begun twice"
        for host in decision.hosts:
            assert members[host].waits
            assert members[host].wave == decision.wave, "outside its wave"
        for one in it.members:
            if one.wave < decision.wave:
                assert not one.waits, "an earlier wave has not begun"
                assert not one.in_flight, "an earlier wave still runs"
            assert one.state not in BLIND or one.host in it.overlooked, "nobody looked"
        canaries = [one for one in it.members if it.settings.canary and one.wave == 1]
        if decision.wave > 1:
            for one in canaries:
                odd = one.state in (*BAD_VERSION, *NOT_BEGUN)
                assert not odd or one.host in it.overlooked, "a canary failed"
        self.begun |= {*decision.hosts}
        self.it = begun(it, decision.hosts)
        assert len(self.it.unavailable()) <= max(it.limit, len(before)), "too many are away"

    def happen(self, decision: Decision) -> None:
        """Time passes, and something happens."""
        dice = self.dice
        self.at += timedelta(seconds=dice.choice([0, 1, 30]))
        if isinstance(decision, Wait) and decision.until and dice.random() < 0.5:
            self.at = max(self.at, decision.until)
        running = [one.host for one in self.it.members if one.in_flight]
        for host in dice.sample(running, dice.randint(0, len(running))):
            self.it = ended(self.it, host, dice.choice(ENDS), self.at)
        done = [one.host for one in self.it.members if one.state is State.SUCCEEDED]
        if done and dice.random() < 0.7:
            bad = "unhealthy" if dice.random() < 0.05 else ""
            news = {host: Reading(self.at, bad) for host in dice.sample(done, len(done))}
            self.it = replace(self.it, readings={**self.it.readings, **news})
        said = dice.random()
        if said < 0.05:
            self.it = replace(self.it, paused="" if self.it.paused else "by Ann")
        elif said < 0.08:
            self.it = slower(self.it)
        elif said < 0.11 and (held := [one.host for one in self.it.members if one.waits]):
            self.it = with_members(self.it, dice.choice(held), skipped=True)


def simulate(seed: int) -> None:
    """One fleet, until its rollout is over."""
    dice = random.Random(seed)
    hosts = [f"web-{at:02}" for at in range(1, dice.randint(1, 30) + 1)]
    sick = tuple(host for host in hosts if dice.random() < dice.choice([0, 0, 0.1, 0.5]))
    settings: dict[str, Any] = {
        "canary": dice.choice([0, 0, 1, 2]),
        "wave": dice.choice([None, 1, 3, "25%", "50%"]),
        "max_unavailable": dice.choice([None, None, 1, "10%", 4]),
        "max_failed": dice.choice([0, 0, 1, 3]),
        "healthy_for": dice.choice([0, 0, 60]),
        "pause": dice.choice(["never", "never", "first", "each"]),
        "back": dice.random() < 0.5,
    }
    simulation = Simulation(rollout(hosts, sick=sick, **settings), dice)
    for _ in range(3_000):
        decision = simulation.step()
        if isinstance(decision, Done):
            return
        if isinstance(decision, Revert):
            waves = {one.host: one.wave for one in simulation.it.members}
            order = [waves[host] for host in decision.hosts]
            assert order == sorted(order, reverse=True), "the newest wave is not first"
            states = {one.host: one.state for one in simulation.it.members}
            assert {states[host] for host in decision.hosts} == {State.SUCCEEDED}
            return
    raise AssertionError("it does not end")


@pytest.mark.parametrize("some", range(10))
def test_never_too_many_and_never_out_of_order(some: int) -> None:
    """Over kills, pauses, losses, failures and second thoughts."""
    for seed in range(some * SEEDS // 10, (some + 1) * SEEDS // 10):
        simulate(seed)


if __name__ == "__main__":
    for number in range(1_000):
        simulate(number)
