"""Acceptance harness in the manner of Alertmanager's: what happens at which time, and what must be
heard between which times. A message that nobody wanted fails the test.

    world = World()
    world.at(0, Bad("web-1"))
    world.want(Message("ops", "web-1"), between=(30, 31))
    world.run(until=600)

Time is simulated: the engine is asked when it wants to be woken, and woken exactly then. Every
change is kept as a database would keep it, so a restart can be part of the story.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from alerts import (
    Changes,
    CheckIn,
    Engine,
    HeartbeatSeen,
    Labels,
    Matchers,
    Notification,
    Rows,
    Sample,
)
from alerts.changes import applied, dump, load
from alerts.notify.notification import AlertContent
from alerts.observation import Severity
from alerts.settings import AlertSettings, parse_alerts

START = 1_750_000_000.0
"""Some moment; the story counts seconds from here."""


def thing(host: str = "web-1", env: str = "prod", name: str = "http", **more: str) -> Labels:
    return Labels.of({"alertname": name, "env": env, "host": host, **more})


@dataclass(frozen=True)
class Message:
    """A message that disturbs people: a new post, or one in its thread that the channel sees
    too."""

    channel: str
    says: str
    """What its title, rows or lines must contain."""
    state: str = ""
    mention: str | None = None
    rows: int | None = None

    def fits(self, notification: Notification) -> bool:
        content = notification.content
        return (
            notification.channel == self.channel
            and self.says in text_of(content)
            and self.state in ("", content.state)
            and self.mention in (None, content.mention)
            and self.rows in (None, len(content.rows))
        )


@dataclass
class Want:
    message: Message
    first: float
    last: float


@dataclass
class World:
    """The engine, simulated time, and a database of its rows."""

    settings: AlertSettings = field(default_factory=lambda: config())
    engine: Engine = field(init=False)
    now: float = 0.0
    heard: list[tuple[float, Notification]] = field(default_factory=list)
    """The messages, and when each was first shown."""
    posts: dict[str, Notification] = field(default_factory=dict)
    """Every post as it looks now."""
    edits: list[tuple[float, Notification]] = field(default_factory=list)
    opened: int = 0
    resolved: int = 0
    skew: float = 0.0

    def __post_init__(self) -> None:
        self.engine = Engine(self.settings)
        self._acts: list[tuple[float, int, Callable[[], object]]] = []
        self._wants: list[Want] = []
        self._rows = Rows()
        self._known: set[tuple[str, int]] = set()
        self._unwritten: list[Changes] = []
        self._latest = self.now

    def at(self, when: float, *acts: Callable[[World], object]) -> None:
        """Do this so many seconds into the story."""
        for act in acts:
            self._acts.append((when, len(self._acts), lambda act=act: act(self)))  # type: ignore[misc]

    def every(
        self, seconds: float, act: Callable[[World], object], *, first: float, last: float
    ) -> None:
        when = first
        while when <= last:
            self.at(when, act)
            when += seconds

    def want(self, message: Message, between: tuple[float, float]) -> None:
        self._wants.append(Want(message, *between))

    def run(self, until: float) -> None:
        """Live the story, and check that exactly the wanted messages were sent."""
        self.live(until)
        open_wants = list(self._wants)
        for when, notification in self.heard:
            fitting = [
                want
                for want in open_wants
                if want.first <= when <= want.last and want.message.fits(notification)
            ]
            story = f"at {when:.1f} s in {notification.channel}: {text_of(notification.content)}"
            assert fitting, f"not wanted: {story}\nopen wants: {open_wants}"
            open_wants.remove(fitting[0])
        assert not open_wants, f"never heard: {open_wants}\nheard: {self.heard}"

    def live(self, until: float) -> None:
        acts = sorted(self._acts)
        self._acts = []
        for when, _, act in acts:
            assert when <= until
            if when > self.now:  # what happens at one time is seen together
                self._pass(when)
            act()
        self._pass(until)

    def tick(self) -> Changes:
        """Let the engine decide, and store the changes as a database would."""
        self._latest = max(self._latest, self.now)
        changes = self.engine.tick(START + self.now, self.skew)
        for notification in changes.notifications.values():
            if notification.key not in self.posts:
                if notification.is_message:
                    self.heard.append((self.now, notification))
            elif self.posts[notification.key] != notification:
                self.edits.append((self.now, notification))
            assert load(Notification, dump(notification)) == notification
            self.posts[notification.key] = notification
        for key, episode in changes.episodes.items():
            self.opened += key not in self._known
            self.resolved += not episode.firing
            self._known.add(key)
        self._unwritten.append(changes)
        assert len(self.engine.firing()) == self.opened - self.resolved
        return changes

    @property
    def rows(self) -> Rows:
        """What the database holds."""
        self._rows = applied(self._rows, self._unwritten)
        self._unwritten.clear()
        return self._rows

    def _pass(self, until: float) -> None:
        for _ in range(100_000):
            wake = self.engine.wake_at() - START
            if wake > until:
                self.now = until
                return
            self.now = max(self.now, wake)
            self.tick()
        raise AssertionError("the engine never comes to rest")

    def restart(self) -> None:
        """kill -9, and a start from what was stored."""
        written = Rows(
            tuple(load(type(row), dump(row)) for row in self.rows.checks),
            tuple(load(type(row), dump(row)) for row in self.rows.episodes),
            tuple(load(type(row), dump(row)) for row in self.rows.groups),
            tuple(load(type(row), dump(row)) for row in self.rows.silences),
            tuple(load(type(row), dump(row)) for row in self.rows.channels),
            load(type(self.rows.visibility), dump(self.rows.visibility)),
        )
        assert written == self.rows
        self.engine = Engine.restore(self.settings, written, START + self.now)
        if self.now >= self._latest:  # else the clock was set back, and times are mended
            again = self.engine.rows()
            assert set(again.checks) == set(written.checks)
            assert again.groups == tuple(row for row in written.groups if not row.closed)
            assert (again.episodes, again.channels) == (written.episodes, written.channels)

    def post(self, says: str) -> AlertContent:
        """The one post in a channel that says this, as it looks now."""
        found = [
            post.content
            for post in self.posts.values()
            if not post.parent and says in text_of(post.content)
        ]
        assert len(found) == 1, f"{len(found)} posts say {says}: {found}"
        return found[0]


def config(more: str = "", **top: object) -> AlertSettings:
    """Return a small alerts.toml: everything goes to `ops`, one post for each check; one result
    decides unless the story is about thresholds."""
    head = {"channel": "ops", "group_by": ["alertname", "env", "host"], **top}
    lines = [f"{key} = {value!r}" for key, value in head.items()]
    if "[thresholds]" not in more:
        more += "\n[thresholds]\ndown_after = 1\nup_after = 1\n"
    return parse_alerts("\n".join(lines) + "\n" + more)


def bad(
    labels: Labels, text: str = "", severity: str = "warning", **more: object
) -> Callable[[World], object]:
    return _sample(labels, True, text, severity, **more)


def good(labels: Labels, severity: str = "warning", **more: object) -> Callable[[World], object]:
    return _sample(labels, False, "", severity, **more)


def _sample(
    labels: Labels, is_bad: bool, text: str, severity: str, **more: object
) -> Callable[[World], object]:
    def act(world: World) -> None:
        options = {key: value for key, value in more.items() if key != "ends"}
        ends = more.get("ends")
        if isinstance(ends, int | float):
            options["ends"] = START + ends
        world.engine.observe(
            Sample(labels, is_bad, START + world.now, text, Severity(severity), **options)  # type: ignore[arg-type]
        )

    return act


def beat(host: str, interval: float = 15.0, leaving: bool = False) -> Callable[[World], object]:
    return lambda world: world.engine.observe(
        HeartbeatSeen(host, "prod", interval, START + world.now, leaving)
    )


def check_in(name: str, failed: bool = False) -> Callable[[World], object]:
    return lambda world: world.engine.observe(CheckIn(name, START + world.now, failed))


def acknowledge(labels: Labels, by: str = "U_ANN") -> Callable[[World], object]:
    return lambda world: world.engine.acknowledge(labels.fingerprint, by, START + world.now)


def silence(matchers: str, seconds: float, by: str = "U_ANN") -> Callable[[World], object]:
    return lambda world: world.engine.silence(
        Matchers.parse(matchers), seconds, by, "disk", START + world.now
    )


def blind(what: str = "the message bus") -> Callable[[World], object]:
    return lambda world: world.engine.link_lost(what, START + world.now)


def seeing(what: str = "the message bus") -> Callable[[World], object]:
    return lambda world: world.engine.link_restored(what, START + world.now)


def restart(world: World) -> None:
    """As the bot does it: blind until its links are up."""
    world.restart()
    world.engine.link_lost("starting", START + world.now)
    world.engine.link_restored("starting", START + world.now)


def reload(settings: AlertSettings) -> Callable[[World], object]:
    def act(world: World) -> None:
        world.settings = settings
        world.engine.reload(settings, START + world.now)

    return act


def web_1_is(world: World, state: str) -> None:
    """The post about web-1 shows this state."""
    assert world.post("web-1").state == state


def text_of(content: AlertContent) -> str:
    rows = (" ".join(row) for row in content.rows)
    return "\n".join([content.title, *rows, *content.lines])


__all__ = ["START", "Message", "World", "math"]
