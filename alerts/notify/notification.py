"""The content of notifications: the post of a group, its history and messages in its thread, and
the board.

These are values that a front end draws. A colour may be put beside the words, never in their place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

from alerts.checks.visibility import VisibilityRow
from alerts.episodes import Episode
from alerts.links import Link
from alerts.mute.muting import Muted
from alerts.notify.groups import AlertGroup
from alerts.observation import Severity
from baton.outcome import duration, named

MAX_ROWS = 20
"""The number of alerts that a post lists; of more it shows the count."""
ACKNOWLEDGE, SILENCE, WHY = "acknowledge", "silence", "why"
"""The actions of the buttons. The value of each is `GROUP/NUMBER`."""
_ORDER = {"firing": 0, "flapping": 1, "acknowledged": 2, "resolved": 3, "expired": 4}

_LINKS = {
    "the bot, which starts": "the bot (starting)",
    "the bot, which stood still": "the bot (suspended)",
    "the bot, which was not running": "the bot (not running)",
}
"""How links are shown whose stored names are from before. In the database the names stay."""

AlertRow = tuple[str, str, str]
"""The alert, its state and severity in words, and what is known of it."""
AlertButton = tuple[str, str, str]
"""Action, label, value."""


@dataclass(frozen=True, slots=True)
class AlertContent:
    """A post about alerts. `state` is one of firing, acknowledged, resolved, expired (the sender no
    longer repeated it), flapping and blind, or empty if the post is about the past. `links` are
    those of each row.

    `mention` names people to be called when the post is first shown; a front end leaves it out of
    an edit. `footer` is for a note of the sender of posts, such as "3 updates held 12 s by Slack's
    limit".
    """

    title: str
    state: str
    severity: Severity | None = None
    rows: tuple[AlertRow, ...] = ()
    lines: tuple[str, ...] = ()
    buttons: tuple[AlertButton, ...] = ()
    mention: str = ""
    footer: str = ""
    links: tuple[tuple[Link, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Notification:
    """A post that must be shown in `channel`. `key` names it for ever: the same key with other
    content is an edit. `parent` is the key of the post whose thread it belongs to; `broadcast`
    shows it in the channel too. `closing`: it is not expected to change again."""

    key: str
    channel: str
    content: AlertContent
    parent: str = ""
    broadcast: bool = False
    closing: bool = False

    @property
    def is_message(self) -> bool:
        """Whether it disturbs people when it is first shown; a board does not."""
        return self.broadcast or not (self.parent or self.pinned)

    @property
    def pinned(self) -> bool:
        """Whether it is pinned: a board is."""
        return self.key.startswith("board/")


class NotificationRenderer:
    """Renders the posts. `skew` is what to add to steady seconds to show wall clock times."""

    def __init__(self, episodes: Mapping[str, Episode], muted: Mapping[str, Muted]) -> None:
        self._episodes, self._muted = episodes, muted
        self.skew = 0.0

    def group_posts(self, group: AlertGroup) -> list[Notification]:
        """Return the post of a group that was notified, and the history in its thread."""
        main = Notification(
            f"alert/{group.id}", group.channel, self._main(group), closing=not group.members
        )
        history = [f"{self.time(at, group.shown)} {text}" for at, text in group.history]
        if group.history_more:
            history.insert(0, f"{group.history_more} earlier lines are omitted")
        thread = AlertContent(f"History of {main.content.title}", "", lines=tuple(history))
        return [
            main,
            Notification(f"{main.key}/history", group.channel, thread, parent=main.key),
        ]

    def thread_message(
        self, group: AlertGroup, title: str, fingerprints: Sequence[str], mention: str
    ) -> Notification:
        """Return a message in the thread of a group, which is shown in the channel too."""
        episodes = self._worst_first(self._episodes[fingerprint] for fingerprint in fingerprints)
        rows = tuple(self._row(episode, group.shown) for episode in episodes[:MAX_ROWS])
        content = AlertContent(
            title,
            _state(episodes),
            _severity(episodes),
            rows,
            _more(len(episodes)),
            _buttons(group, episodes),
            mention,
            links=_links(episodes),
        )
        parent = f"alert/{group.id}"
        return Notification(f"{parent}/{group.messages}", group.channel, content, parent, True)

    def board(self, channel: str, fingerprints: Iterable[str]) -> Notification:
        """Return the post that always lists the active alerts."""
        firing = [self._episodes[key] for key in fingerprints if key not in self._muted]
        hidden = sum(key in self._muted for key in self._episodes)
        episodes = self._worst_first(firing)
        lines = _more(len(episodes))
        if hidden:
            lines += (f"{hidden} muted",)
        content = AlertContent(
            _wrong(len(episodes)),
            _state(episodes),
            _severity(episodes),
            tuple(self._row(episode, None) for episode in episodes[:MAX_ROWS]),
            lines,
            links=_links(episodes),
        )
        return Notification(f"board/{channel_hash(channel)}", channel, content)

    def blind_notice(self, row: VisibilityRow, channel: str) -> Notification:
        """Return the post which says that monitoring is blind, or was."""
        since = row.since or 0.0
        if row.gone:
            content = AlertContent(
                f"Monitoring has been blind since {self.time(since, since)}",
                "blind",
                lines=(
                    f"Not available: {_links_named(row.gone)}.",
                    "No server is reported as down until the connections are restored.",
                ),
            )
        else:
            until = row.until or since
            content = AlertContent(
                f"Monitoring was blind for {duration(until - since)}",
                "resolved",
                lines=(
                    *((f"Was not available: {_links_named(row.lost)}.",) if row.lost else ()),
                    f"From {self.time(since, since)} to {self.time(until, since)}.",
                ),
            )
        key = f"blind/{channel_hash(channel)}/{row.number}"
        return Notification(key, channel, content, closing=not row.gone)

    def time(self, at: float, beside: float | None) -> str:
        """Return a time as text, with its date if that is not the day of `beside`."""
        moment = datetime.fromtimestamp(at + self.skew, UTC)
        day = None if beside is None else datetime.fromtimestamp(beside + self.skew, UTC).date()
        if moment.date() == day:
            return f"{moment:%H:%M:%S} UTC"
        return f"{moment:%Y-%m-%d %H:%M} UTC"

    def _main(self, group: AlertGroup) -> AlertContent:
        firing = [self._episodes[key] for key, member in group.members.items() if member.shown]
        episodes = [*self._worst_first(firing), *reversed(group.ended)]
        lines = [self._summary(group, firing)]
        lines += _more(len(episodes) + group.ended_more)
        mutes = Counter(
            self._mute(self._muted[key], group.shown)
            for key, member in group.members.items()
            if key in self._muted and not member.shown
        )
        lines += [f"{count} more not shown: {why}" for why, count in sorted(mutes.items())]
        return AlertContent(
            self._title(group, episodes),
            _state(firing or group.ended),
            _severity(episodes),
            tuple(self._row(episode, group.shown) for episode in episodes[:MAX_ROWS]),
            tuple(lines),
            _buttons(group, firing) if firing else (),
            group.mention if firing else "",
            links=_links(episodes),
        )

    def _title(self, group: AlertGroup, episodes: Sequence[Episode]) -> str:
        count = len(episodes) + group.ended_more
        if group.storm:
            return f"Alert storm: {count} more alerts"
        if len({episode.fingerprint for episode in episodes}) == 1 and not group.ended_more:
            return episodes[0].title
        return f"{group.labels.title()}: {count} alerts"

    def _summary(self, group: AlertGroup, firing: Sequence[Episode]) -> str:
        ended = len(group.ended) + group.ended_more
        if not firing:
            last = max((one.ended for one in group.ended if one.ended is not None), default=None)
            after = "" if last is None else f" after {duration(last - group.opened)}"
            return (
                f"{_state(group.ended)}{after}"
                if group.ended
                else "moved to another post or channel"
            )
        counts = Counter(episode.state for episode in firing)
        words = [f"{counts[word]} {word}" for word in _ORDER if counts[word]]
        who = sorted({one.acknowledged_by for one in firing if one.acknowledged_by})
        if who and len(firing) > 1:  # the row of a single alert says it
            words.append(f"acknowledged by {named(who)}")
        return ", ".join([*words, f"{ended} resolved"] if ended else words)

    def _row(self, episode: Episode, beside: float | None) -> AlertRow:
        state = f"{episode.state}, {episode.severity}"
        known = [_unended(episode.text)] if episode.text else []
        if episode.ended is not None:
            known = [*(f"was: {text}" for text in known), episode.note]
            state = f"{episode.state} after {duration(episode.ended - episode.started)}"
        else:
            known.append(f"since {self.time(episode.started, beside)}")
            if episode.acknowledged_by:
                known.append(f"acknowledged by {episode.acknowledged_by}")
            muted = self._muted.get(episode.fingerprint)
            if muted is not None:
                known.append(self._mute(muted, beside))
        return episode.title, state, "; ".join(filter(None, known))

    def _mute(self, muted: Muted, beside: float | None) -> str:
        until = "" if muted.until is None else f" (until {self.time(muted.until, beside)})"
        return muted.why + until

    def _worst_first(self, episodes: Iterable[Episode]) -> list[Episode]:
        return sorted(
            episodes,
            key=lambda one: (_ORDER[one.state], -one.severity.rank, one.started, one.labels.pairs),
        )


def _links_named(links: Iterable[str]) -> str:
    return named([_LINKS.get(link, link) for link in links])


def _unended(text: str) -> str:
    """Return `text` without its full stop, because more text follows in the same line."""
    return text if text.endswith("..") else text.removesuffix(".")


def channel_hash(channel: str) -> str:
    """Return a channel's name as it is used in keys."""
    return blake2b(channel.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def _state(episodes: Iterable[Episode]) -> str:
    return min((episode.state for episode in episodes), key=_ORDER.__getitem__, default="resolved")


def _severity(episodes: Sequence[Episode]) -> Severity | None:
    firing = [episode for episode in episodes if episode.firing] or episodes
    return max((one.severity for one in firing), key=lambda one: one.rank, default=None)


def _wrong(count: int) -> str:
    if count == 1:
        return "1 active alert"
    return f"{count} active alerts" if count else "No active alerts"


def _more(count: int) -> tuple[str, ...]:
    return (f"and {count - MAX_ROWS} more",) if count > MAX_ROWS else ()


def _buttons(group: AlertGroup, firing: Iterable[Episode]) -> tuple[AlertButton, ...]:
    taken = all(one.acknowledged_by for one in firing)
    acknowledge = () if taken else ((ACKNOWLEDGE, "Acknowledge", group.id),)
    return (*acknowledge, (SILENCE, "Silence…", group.id), (WHY, "Why", group.id))


def _links(episodes: Sequence[Episode]) -> tuple[tuple[Link, ...], ...]:
    shown = [one.links for one in episodes[:MAX_ROWS]]
    return tuple(shown) if any(shown) else ()
