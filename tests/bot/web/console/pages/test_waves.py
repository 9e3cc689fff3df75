"""The waves of a job on its page: those that matter now, however many there are."""

from __future__ import annotations

from dataclasses import replace

from baton.bus.messages import State
from bot.holds import Hold
from bot.rollout.settings import Portion, RolloutSettings
from bot.rollout.state import RolloutState
from bot.rollout.waves import assign
from bot.web.console.pages.rollout import MAX_SERVERS, MAX_WAVES, Waves, waves_of
from tests.bot.build import after, job, run

HOSTS = [f"web-{number:04}" for number in range(1000)]


def shown(wave: Portion | None, begun: int, skipped: frozenset[str] = frozenset()) -> Waves | None:
    settings = RolloutSettings(canary=1, wave=wave)
    waves = assign(HOSTS, settings)
    state = RolloutState(settings=settings, waves=waves, wave=begun, skipped=skipped)
    hold = Hold(since=after(0), until=after(60), opened=after(1), rollout=state)
    runs = [run(host, State.SUCCEEDED if waves[host] < begun else State.HELD) for host in HOSTS]
    return waves_of(replace(job(), hold=hold), runs)


def test_of_many_waves_those_about_the_one_that_runs_are_shown() -> None:
    """The two before it, and those that follow, with how many there are besides."""
    for begun, numbers in ((1, range(1, 13)), (500, range(498, 510)), (1000, range(989, 1001))):
        waves = shown(Portion(1), begun)
        assert waves is not None
        assert [row.number for row in waves.rows] == list(numbers)
        assert (waves.before, waves.after) == (numbers[0] - 1, 1000 - numbers[-1])
        assert [row.number for row in waves.rows if row.now] == [begun]
        assert len(waves.rows) == MAX_WAVES


def test_of_many_servers_some_are_named() -> None:
    """Each that waits can be skipped, unless it is already."""
    waves = shown(Portion(25, percent=True), 1, frozenset({"web-0002"}))
    assert waves is not None
    assert [(len(row.servers), row.more) for row in waves.rows][:2] == [(1, 0), (MAX_SERVERS, 242)]
    second = {one.host: one for one in waves.rows[1].servers}
    assert (second["web-0002"].skipped, second["web-0002"].skip) == (True, "")
    assert second["web-0001"].skip == "/rollout j0b00001 skip --host web-0001"


def test_a_job_without_waves_has_none() -> None:
    """And neither has one that has not begun."""
    assert shown(None, 0) is None
    assert waves_of(job(), [run("web-1")]) is None
