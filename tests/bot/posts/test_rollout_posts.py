"""The post of a job that goes in waves: within Slack's limits, however many waves there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from baton.bus.messages import State
from baton_slack_testing.blocks import check_blocks
from baton_slack_testing.plain import plain
from bot.content import JobContent
from bot.fronts.slack.blocks import posts as made
from bot.holds import Hold
from bot.jobs import RunRecord
from bot.posts.render import render_job
from bot.rollout.settings import Portion, RolloutSettings
from bot.rollout.state import RolloutState
from bot.rollout.waves import assign
from bot.servers.server_visibility import ServerVisibility
from tests.bot.build import Ship, after, job, run
from tests.bot.fake_front import SLACK
from tests.bot.world import Stage

HOSTS = [f"web-{number:04}.dc1.example.com" for number in range(1000)]


def post_of(wave: Portion, *, begun: int, waits: str = "") -> JobContent:
    """The post of a job on all of HOSTS, of whose waves the first `begun` have begun, that asks
    something at the length of a page."""
    settings = RolloutSettings(canary=1, wave=wave)
    state = RolloutState(settings=settings, waves=assign(HOSTS, settings), wave=begun)
    state = state.with_question(waits, 0, HOSTS, urgent=True) if waits else state
    state = state.model_copy(update={"skipped": frozenset(HOSTS[500:800])})
    hold = Hold(since=after(0), until=after(60), opened=after(1), rollout=state, waits=waits)
    whole = replace(job(), hold=hold)
    runs: list[RunRecord] = [
        run(host, State.SUCCEEDED if state.waves[host] <= begun else State.HELD) for host in HOSTS
    ]
    content = render_job(whole, Ship(app="shop", environment="prod"), runs, {}, ServerVisibility())
    assert isinstance(content[0].content, JobContent)
    return content[0].content


@pytest.mark.parametrize("wave", [Portion(1), Portion(10, percent=True), Portion(25, percent=True)])
def test_the_post_of_a_thousand_servers_is_one_that_slack_takes(wave: Portion) -> None:
    """A thousand waves or five: which one runs, how large the next ones are, what it asks, and
    nothing that grows with them."""
    content = post_of(wave, begun=1, waits=" ".join([f"{host} failed." for host in HOSTS]))
    blocks = made.blocks(content, "m", plan=True)
    check_blocks(blocks, plan_blocks=True)
    words = plain("", blocks)
    assert "Still to begin: " in words
    assert "Go on" in words
    assert len(words) < 12_000
    assert max(len(line) for line in post_of(wave, begun=1).lines) < 300


async def test_edits_do_not_grow_with_the_waves(stage: Stage) -> None:
    """Eight waves, each of which changes what there is to read more than once: the post is edited
    as often as Slack's limits have room for, and is right in the end."""
    stage.front.limits = SLACK
    hosts = [f"web-{number}" for number in range(8)]
    agents = [await stage.agent(host) for host in hosts]
    a_bot = await stage.bot()
    await stage.knows(a_bot, *hosts)
    job = await stage.job(a_bot, "ship shop prod --wave 1")
    await stage.told(job)
    assert all(len(agent.started) == 1 for agent in agents)
    edits = stage.front.calls.count("edit")
    assert edits <= 5, stage.front.calls
