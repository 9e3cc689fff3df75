"""Whatever happens, in whatever order: what is shown in the end is true, and the number of messages
is limited.

The model is as simple as possible: a list of results for each check, and no groups, timers or rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from alerts.labels import Labels
from tests.alerts.harness import START, World, acknowledge, bad, config, good, silence, thing

WINDOW, MOST = 3600.0, 5
SERVERS = [thing(f"web-{count}", name="silent") for count in range(3)]
APPS = [thing(f"web-{count}", app="shop") for count in range(3)] + [
    thing("web-0", app=f"app-{count}") for count in range(6)
]
THINGS = [*SERVERS, *APPS]
MORE = """
[[route]]
match = "app=shop"
channel = "shop"
group_by = ["env"]
mention = "@shop"
"""
RANKS = {"info": 1, "warning": 2, "critical": 3}


@dataclass
class Thing:
    """What the model knows of one check. `news` counts what may be worth a message."""

    results: list[tuple[float, bool]] = field(default_factory=list)
    flapping: bool = False
    bad: bool = False
    rank: int = 0
    acknowledged: bool = False
    episodes: int = 0
    news: int = 0

    @property
    def firing(self) -> bool:
        return self.bad or self.flapping

    @property
    def word(self) -> str:
        if self.acknowledged:
            return "acknowledged"
        return "flapping" if self.flapping else "firing"

    def percent(self, now: float) -> float:
        last = list(reversed(self.results[-20:]))
        return sum(
            (1.18 - 0.02 * age) * 5
            for age, (at, changed) in enumerate(last)
            if changed and at > now - WINDOW
        )

    def judge(self, now: float) -> None:
        before = self.firing, self.flapping
        self.flapping = self.percent(now) > (25 if self.flapping else 30) + 1e-9
        self._settle(before)

    def _settle(self, before: tuple[bool, bool]) -> None:
        if not self.firing:
            self.acknowledged, self.rank = False, 0
        elif not before[0]:
            self.episodes += 1
        self.news += before != (self.firing, self.flapping)

    def result(self, is_bad: bool, severity: str, now: float) -> None:
        self.judge(now)
        before = self.firing, self.flapping
        self.results.append((now, is_bad is not self.bad))
        self.bad = is_bad
        self.flapping = self.percent(now) > (25 if self.flapping else 30) + 1e-9
        self._settle(before)
        rank = RANKS[severity]
        if not self.firing:
            return
        if not before[0]:
            self.rank = rank
        elif is_bad:
            if rank > self.rank:
                self.acknowledged = False
                self.news += 1
            self.rank = rank


class AnySequence(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World(config(MORE, group_wait="30s", repeat_interval="1000d"))
        self.model = {labels: Thing() for labels in THINGS}
        self.silences: list[tuple[str, float]] = []
        self.blind = False
        self.silenced = self.blindness = 0

    @property
    def now(self) -> float:
        return START + self.world.now

    @rule(
        labels=st.sampled_from(THINGS),
        is_bad=st.booleans(),
        severity=st.sampled_from(list(RANKS)),
        times=st.sampled_from([1, 1, 2, 9, 25]),
    )
    def results(self, labels: Labels, is_bad: bool, severity: str, times: int) -> None:
        for _ in range(times):
            act = bad(labels, severity=severity) if is_bad else good(labels, severity=severity)
            act(self.world)
            if not self.blind:
                self.model[labels].result(is_bad, severity, self.now)
            is_bad = is_bad if times == 25 else not is_bad
            self.pass_time(1)

    @rule(seconds=st.sampled_from([0, 1, 29, 31, 61, 301, 4000]))
    def pass_time(self, seconds: float) -> None:
        self.world.live(self.world.now + seconds)
        if not self.blind:
            for known in self.model.values():
                known.judge(self.now)

    @rule(labels=st.sampled_from(THINGS))
    def take_on(self, labels: Labels) -> None:
        acknowledge(labels)(self.world)
        if self.model[labels].firing:
            self.model[labels].acknowledged = True

    @rule(host=st.sampled_from(["web-0", "web-1"]), seconds=st.sampled_from([20, 400, 9000]))
    def silence(self, host: str, seconds: float) -> None:
        silence(f"host={host}", seconds)(self.world)
        self.silences.append((host, self.now + seconds))
        self.silenced += 1

    @rule()
    def lift(self) -> None:
        for known in self.world.engine.silences():
            self.world.engine.unsilence(known.id, self.now)
        self.silences.clear()

    @rule()
    def lose_sight(self) -> None:
        self.world.engine.link_lost("the message bus", self.now)
        self.blindness += not self.blind
        self.blind = True

    @rule()
    def see(self) -> None:
        self.world.engine.link_restored("the message bus", self.now)
        self.blind = False
        self.pass_time(0)

    @rule()
    def restart(self) -> None:
        self.world.live(self.world.now)
        self.world.restart()

    @rule()
    def reload(self) -> None:
        self.world.engine.reload(self.world.settings, self.now)

    @invariant()
    def what_fires_is_what_the_model_says(self) -> None:
        self.pass_time(0)
        firing = {one.labels: one for one in self.world.engine.firing()}
        assert set(firing) == {labels for labels, known in self.model.items() if known.firing}
        for labels, episode in firing.items():
            known = self.model[labels]
            said = episode.state, episode.severity.rank, episode.number
            assert said == (known.word, known.rank, known.episodes), labels.title()

    @invariant()
    def no_channel_hears_too_much(self) -> None:
        for channel in ("ops", "shop"):
            times = [at for at, said in self.world.heard if said.channel == channel]
            for at in times:
                assert sum(at <= other < at + 60 for other in times) <= MOST
        news = sum(known.news for known in self.model.values())
        # once a silence is over it is said of what goes on, once in each post, that it still fires
        reminders = self.silenced * len(THINGS)
        assert len(self.world.heard) <= news + 2 * self.blindness + reminders

    def teardown(self) -> None:
        self.see()
        self.pass_time(4000)
        shown: dict[str, list[str]] = {}
        for post in self.world.posts.values():
            if not post.parent and not post.key.startswith("blind/"):
                for title, state, _ in post.content.rows:
                    if "resolved" not in state:
                        shown.setdefault(title, []).append(state.split(",")[0])
        for labels, known in self.model.items():
            if not known.firing:
                assert labels.title() not in shown
            elif not self._muted(labels):
                assert shown[labels.title()] == [known.word]
        self.what_fires_is_what_the_model_says()
        self.no_channel_hears_too_much()

    def _muted(self, labels: Labels) -> bool:
        host = labels.get("host")
        if any(host == silenced and self.now < until for silenced, until in self.silences):
            return True
        server = self.model.get(thing(host, name="silent"))
        return bool(labels.get("app") and server and server.firing)


AnySequence.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnySequence = AnySequence.TestCase
