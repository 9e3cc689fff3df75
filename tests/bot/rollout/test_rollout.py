"""A rollout goes through its servers in waves: what is decided from its rows and the time. What
chance makes of whole fleets is in test_simulated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from baton.bus.messages import State
from bot.rollout.decide import Ask, Done, Open, Revert, Stop, Wait, decide
from bot.rollout.settings import Portion, RolloutSettings
from bot.rollout.values import BLIND, NOT_BEGUN, Member, Reading, Rollout
from bot.rollout.waves import assign, sizes_of, slower
from tests.support.quick import INPUT, quickly

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


def rollout(hosts: int | list[str], *, sick: tuple[str, ...] = (), **settings: Any) -> Rollout:
    """One that has not begun."""
    names = [f"web-{at:02}" for at in range(1, hosts + 1)] if isinstance(hosts, int) else hosts
    wanted = RolloutSettings.model_validate(settings)
    waves = assign(names, wanted, sick)
    members = [
        Member(host, waves[host], State.QUEUED, held=True, sick=host in sick) for host in names
    ]
    return Rollout(wanted, members)


def with_members(it: Rollout, hosts: tuple[str, ...] | str, **changes: object) -> Rollout:
    """`it`, with these members changed."""
    chosen = (hosts,) if isinstance(hosts, str) else hosts
    members = [
        replace(one, **changes) if one.host in chosen else one  # type: ignore[arg-type]
        for one in it.members
    ]
    return replace(it, members=members)


def begun(it: Rollout, hosts: tuple[str, ...]) -> Rollout:
    """`it`, once these servers have begun."""
    return with_members(it, hosts, held=False, state=State.RUNNING)


def ended(it: Rollout, hosts: tuple[str, ...] | str, state: State, at: datetime = T0) -> Rollout:
    """`it`, once the runs of these servers have ended."""
    return with_members(it, hosts, held=False, state=state, finished=at)


def opened(it: Rollout, at: datetime = T0) -> tuple[str, ...]:
    """The servers that are opened now."""
    decision = decide(it, at)
    assert isinstance(decision, Open), decision
    return decision.hosts


def test_a_canary_then_quarters() -> None:
    """Eight servers: one, then two at a time; a wave begins when the one before it is done."""
    it = rollout(8, canary=1, wave="25%")
    assert sizes_of({one.host: one.wave for one in it.members}) == [1, 2, 2, 2, 1]
    waves = []
    while isinstance(decision := decide(it, T0), Open):
        waves.append(decision.hosts)
        it = begun(it, decision.hosts)
        assert isinstance(decide(it, T0), Wait)
        it = ended(it, decision.hosts, State.SUCCEEDED)
    assert decide(it, T0) == Done()
    assert [len(hosts) for hosts in waves] == [1, 2, 2, 2, 1]


def test_without_settings_all_servers_are_one_wave() -> None:
    """As a deploy always was."""
    it = rollout(5)
    assert len(opened(it)) == 5


def test_a_canary_that_fails_touches_nobody_else() -> None:
    """Even where a failure is allowed: that is for the servers after it. It is asked, or taken back
    if there is something to take back."""
    it = rollout(6, canary=1, wave=2, max_failed=1)
    failed = ended(it, opened(it), State.FAILED)
    decision = decide(failed, T0)
    assert isinstance(decision, Ask)
    assert decision.text == "web-01 failed; at most 1 may fail. Say `go on`, `back` or `cancel`."
    back = replace(failed, settings=failed.settings.model_copy(update={"back": True}))
    assert decide(back, T0) == Stop("web-01 failed; at most 1 may fail.")
    on = replace(failed, overlooked=decision.hosts)
    assert opened(on) == ("web-02", "web-03")


def test_more_failures_than_allowed_stop_it_and_what_succeeded_is_taken_back() -> None:
    """The newest wave first, only what succeeded here, and only once nothing runs any more."""
    it = rollout(6, wave=2, back=True, max_failed=1)
    it = ended(it, opened(it), State.SUCCEEDED)
    first, second = opened(it)
    it = begun(it, (first, second))
    it = ended(it, first, State.FAILED)
    assert isinstance(decide(it, T0), Wait), "one failure is allowed"
    it = ended(it, second, State.SUCCEEDED)
    third = opened(it)[0]
    it = ended(begun(it, (third,)), third, State.FAILED)
    stop = decide(it, T0)
    assert stop == Stop("web-03 failed, web-05 failed; at most 1 may fail.")
    it = begun(replace(it, stopped="it failed"), ("web-06",))
    assert isinstance(decide(it, T0), Wait)
    it = ended(it, "web-06", State.SUCCEEDED)
    assert decide(it, T0) == Revert(("web-06", "web-04", "web-01", "web-02"), "it failed")


@pytest.mark.parametrize("state", sorted(BLIND))
def test_what_nobody_knows_is_asked_never_taken_back(state: State) -> None:
    """A server that is lost says nothing of the version: blind is not down."""
    it = rollout(4, wave=2, back=True)
    one, other = opened(it)
    it = ended(ended(it, one, State.SUCCEEDED), other, state)
    decision = decide(it, T0)
    assert isinstance(decision, Ask)
    assert decision.hosts == {other}
    assert f"{other} is {state.value}: nobody knows what was done there." in decision.text


@pytest.mark.parametrize("state", sorted(NOT_BEGUN))
def test_a_server_that_did_not_begin_counts_and_takes_nothing_back(state: State) -> None:
    """It is as it was before."""
    it = rollout(4, wave=2, back=True)
    one, other = opened(it)
    it = ended(ended(it, one, State.SUCCEEDED), other, state)
    decision = decide(it, T0)
    assert isinstance(decision, Ask)
    assert f"{other} {state.value}" in decision.text


def test_a_step_that_cannot_be_taken_back_asks() -> None:
    """In place of going back by itself."""
    it = replace(rollout(4, wave=2, back=True), irreversible=True)
    one, other = opened(it)
    it = ended(ended(it, one, State.SUCCEEDED), other, State.FAILED)
    decision = decide(it, T0)
    assert isinstance(decision, Ask)
    assert "cannot be taken back" in decision.text


def test_servers_must_be_healthy_after_the_switch() -> None:
    """For the time that is set, and by a reading that is newer than that: one of before the switch
    says nothing. Without news it is asked; what is bad counts as a failure."""
    it = rollout(2, wave=1, healthy_for="2m")
    host, other = opened(it)[0], "web-02"
    it = ended(it, host, State.SUCCEEDED, T0)
    well = T0 + timedelta(minutes=2)
    assert decide(it, T0) == Wait("wave 1 must be healthy for 2 min", well)
    stale = replace(it, readings={host: Reading(T0 - timedelta(seconds=1), "disk full")})
    assert decide(stale, T0) == Wait("wave 1 must be healthy for 2 min", well)
    decision = decide(it, well)
    assert isinstance(decision, Wait)
    assert decision.text == f"waiting for news of {host}"
    late = decide(it, well + timedelta(minutes=1))
    assert isinstance(late, Ask)
    assert late.hosts == {host}
    good = replace(it, readings={host: Reading(well)})
    assert opened(good, well) == (other,)
    bad = replace(it, readings={host: Reading(T0 + timedelta(seconds=5), "http-check fires")})
    decision = decide(bad, T0 + timedelta(seconds=6))
    assert isinstance(decision, Ask)
    assert f"{host} http-check fires" in decision.text


def test_what_fired_before_a_server_was_changed_says_nothing_of_the_version() -> None:
    """Also if the rollout had begun by then: it goes on, and does not go back."""
    it = rollout(4, wave=1, max_unavailable=2, back=True)
    it = with_members(it, "web-01", started=T0 + timedelta(seconds=60))
    it = ended(it, "web-01", State.SUCCEEDED, T0 + timedelta(seconds=70))
    at = T0 + timedelta(seconds=80)
    old = Reading(at, "is unhealthy: disk fires", T0 + timedelta(seconds=30))
    assert opened(replace(it, readings={"web-01": old}), at) == ("web-02",)
    new = replace(old, since=T0 + timedelta(seconds=65))
    assert isinstance(decide(replace(it, readings={"web-01": new}), at), Stop)


def test_a_bot_that_did_not_see_waits_for_news_before_it_asks() -> None:
    """It was down, or had no link, while the servers were to be seen: their next heartbeat comes in
    a moment."""
    it = rollout(2, wave=1, healthy_for="1m")
    it = ended(it, "web-01", State.SUCCEEDED)
    at = T0 + timedelta(seconds=600)
    assert isinstance(decide(it, at), Ask)
    sees = replace(it, seeing_since=at - timedelta(seconds=59))
    assert isinstance(decide(sees, at), Wait)
    assert isinstance(decide(sees, at + timedelta(seconds=1)), Ask)


def test_a_person_is_asked_between_waves() -> None:
    """After the first, or after each, and goes on when they say so."""
    for pause, asks in (("never", 0), ("first", 1), ("each", 3)):
        it, asked = rollout(4, wave=1, pause=pause), 0
        while not isinstance(decision := decide(it, T0), Done):
            if isinstance(decision, Ask):
                asked += 1
                it = replace(it, let_on=decision.wave)
            else:
                it = ended(it, opened(it), State.SUCCEEDED)
        assert asked == asks


def test_who_pauses_holds_what_has_not_begun() -> None:
    """What runs goes on."""
    it = replace(rollout(4, wave=2), paused="by Ann")
    assert decide(it, T0) == Wait("paused by Ann")
    it = begun(replace(it, paused=""), opened(replace(it, paused="")))
    assert isinstance(decide(replace(it, paused="by Ann"), T0), Wait)


def test_a_sick_fleet_is_healed() -> None:
    """More servers are sick than may be away: they come first, and one after the other the well
    ones follow. The canary is a well one."""
    sick = ("web-03", "web-04", "web-05")
    it = rollout(6, sick=sick, canary=1, wave=3, max_unavailable=4)
    assert opened(it) == ("web-01",)
    it = ended(it, "web-01", State.SUCCEEDED)
    assert opened(it) == sick
    it = ended(it, sick, State.SUCCEEDED)
    assert opened(it) == ("web-02", "web-06")


def test_a_fleet_that_is_too_sick_asks_and_does_not_hang() -> None:
    """Nothing can begin: the canary would be one too many. It says so."""
    it = rollout(4, sick=("web-02", "web-03"), canary=1, wave=1)
    decision = decide(it, T0)
    assert isinstance(decision, Ask)
    assert decision.text.startswith("web-02, web-03 unavailable, and at most 1 may be")
    assert opened(replace(it, overlooked=decision.hosts)) == ("web-01",)


def test_skipped_servers_stay_as_they_are() -> None:
    """Whether they are one of a wave or all of it."""
    it = with_members(rollout(3, wave=1), ("web-01", "web-03"), skipped=True)
    it = ended(it, opened(it), State.SUCCEEDED)
    assert [one.host for one in it.members if one.state is State.SUCCEEDED] == ["web-02"]
    assert decide(it, T0) == Done()


def test_slower_halves_what_is_still_to_begin() -> None:
    """What has begun stays in its wave; of one server less than one cannot be."""
    it = rollout(9, canary=1, wave=4)
    it = ended(it, opened(it), State.SUCCEEDED)
    half = slower(it)
    assert sizes_of({one.host: one.wave for one in half.members}) == [1, 2, 2, 2, 2]
    once = slower(slower(half))
    assert sizes_of({one.host: one.wave for one in once.members}) == [1] * 9


def test_a_thousand_servers_are_decided_quickly() -> None:
    """By processor time, as on a slow machine: 200 ms."""
    it = rollout(1000, wave="10%")
    while isinstance(decision := decide(it, T0), Open):
        quickly(partial(decide, it, T0), within=2 * INPUT)
        it = ended(it, decision.hosts, State.SUCCEEDED)
    assert decision == Done()


@pytest.mark.parametrize("text", ["0", "0%", "101%", "-1", "1.5", "x", "", "%", True, None, 10**9])
def test_a_portion_that_is_none_is_refused(text: object) -> None:
    """It says what one is."""
    with pytest.raises(ValueError, match="a number of servers such as 3, or a percentage"):
        Portion.parse(text)


def test_portions() -> None:
    """Of a percentage the smaller number, and at least one server."""
    assert [Portion.parse("25%").of(count) for count in (1, 4, 7, 8, 1000)] == [1, 1, 1, 2, 250]
    assert Portion.parse(3).of(2) == 3
    settings = RolloutSettings.model_validate({"wave": "25 %", "healthy_for": "2m"})
    assert RolloutSettings.model_validate(settings.model_dump(mode="json")) == settings
    with pytest.raises(ValidationError):
        RolloutSettings.model_validate({"pause": "sometimes"})
