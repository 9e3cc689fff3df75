"""Routes: which channels are notified of an alert, and how alerts are grouped.

Source: Alertmanager's route, as a list instead of a tree: the first that matches, and the following
ones with `continue`.
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
    """Alerts that match go to `channel`. `wait`, `interval` and `repeat` are in seconds
    (Alertmanager's group_wait, group_interval, repeat_interval). `mention` names the people on
    call. With `drop` nobody is notified."""

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
        """Return the key of the group for an alert with these labels, and the group's own labels.
        The same route, channel and values give the same key."""
        shared = labels if EVERY_LABEL in self.group_by else labels.only(self.group_by)
        named = repr((self.channel, str(self.matchers), self.group_by, shared.pairs))
        return blake2b(named.encode(errors="surrogatepass"), digest_size=8).hexdigest(), shared


def routes_of(routes: Sequence[Route], default: Route, episode: Episode) -> list[Route]:
    """Return the routes of `episode`: the first that matches, those after it while they `continue`,
    and `default` if none matches. Empty if the first that matches drops it."""
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
    """Return the route that drops `episode`; None if somebody is notified."""
    if routes_of(routes, default, episode):
        return None
    meant = (one for one in routes if one.matchers.matches(episode.labels, episode.severity))
    return next(meant, None)
