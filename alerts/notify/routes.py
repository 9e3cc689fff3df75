"""Routes: which channels hear of an alert, grouped by what.

Source: Alertmanager's route, flat and no tree: the first that matches, and on with `continue`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from alerts.episodes import Episode
from alerts.labels import Labels
from alerts.labels.matchers import Matchers

EVERY_LABEL = "..."
"""Among the labels to group by: each alert has a post of its own."""


@dataclass(frozen=True, slots=True)
class Route:
    """Alerts that `matchers` mean go to `channel`. `wait`, `interval` and `repeat` are in seconds
    (Alertmanager's group_wait, group_interval, repeat_interval). `mention` names the people on
    call. With `drop` they go nowhere."""

    matchers: Matchers
    channel: str
    group_by: tuple[str, ...]
    wait: float
    interval: float
    repeat: float
    mention: str = ""
    continues: bool = False
    drop: bool = False

    def group(self, labels: Labels) -> tuple[str, Labels]:
        """The key of the group that an alert with these labels belongs to, and the group's own
        labels. The same route, channel and values give the same key."""
        shared = labels if EVERY_LABEL in self.group_by else labels.only(self.group_by)
        named = repr((self.channel, str(self.matchers), self.group_by, shared.pairs))
        return blake2b(named.encode(errors="surrogatepass"), digest_size=8).hexdigest(), shared


def routes_of(routes: Sequence[Route], default: Route, episode: Episode) -> list[Route]:
    """The routes that `episode` takes: the first that means it, those after it while they say to
    go on, and `default` if there is none. None at all if the first that means it drops it."""
    taken: list[Route] = []
    for route in routes:
        if route.matchers.matches(episode.labels, episode.severity):
            if route.drop:
                return taken
            taken.append(route)
            if not route.continues:
                break
    return taken or [default]


def dropping_route(routes: Sequence[Route], default: Route, episode: Episode) -> Route | None:
    """The route by which nobody is told of `episode`; None if somebody is."""
    if routes_of(routes, default, episode):
        return None
    meant = (one for one in routes if one.matchers.matches(episode.labels, episode.severity))
    return next(meant, None)
