"""Decides when a group is notified: it waits, is sent, grows, is repeated; and what happens in an
alert storm."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from alerts.episodes import Episode
from alerts.faults import Faults
from alerts.labels import Labels
from alerts.mute.muting import Muted
from alerts.notify.groups import AlertGroup, GroupMember, GroupRow, is_news
from alerts.notify.notification import Notification, NotificationRenderer, channel_hash
from alerts.notify.rate_limit import ChannelRow, MessageBudget
from alerts.notify.routes import Route, routes_of
from alerts.notify.settings import NotifySettings
from alerts.observation import Severity
from alerts.timers import Timers
from baton.outcome import named


class NotificationDispatcher:
    """Holds the open groups. `episodes` and `muted` belong to the engine, by fingerprint; `update`
    gives the engine an episode that was changed here."""

    def __init__(
        self,
        settings: NotifySettings,
        episodes: Mapping[str, Episode],
        muted: Mapping[str, Muted],
        update: Callable[[Episode], None],
        faults: Faults,
    ) -> None:
        self._faults = faults
        self._episodes, self._muted, self._update = episodes, muted, update
        self.renderer = NotificationRenderer(episodes, muted)
        self.groups: dict[str, AlertGroup] = {}
        self._of: dict[str, list[str]] = {}
        self._numbers: dict[str, int] = {}
        self._budgets: dict[str, MessageBudget] = {}
        self._timers = Timers()
        self._dirty: dict[str, None] = {}
        self._notifications: dict[str, Notification] = {}
        self._rows: dict[str, GroupRow] = {}
        self._channels: dict[str, ChannelRow] = {}
        self.reload(settings)

    def reload(self, settings: NotifySettings) -> None:
        """Use other routes for what fires from now on."""
        self._settings = settings
        self._routes, self._default = settings.routes, settings.default_route

    def restore(
        self, groups: Iterable[GroupRow], channels: Iterable[ChannelRow], now: float
    ) -> None:
        """Restore the groups and channels from their rows. No message was sent later than `now`."""
        for row in channels:
            sent = ChannelRow(row.channel, tuple(min(at, now) for at in row.sent))
            self._budgets[row.channel] = MessageBudget(sent, self._settings.storm.within)
        for known in groups:
            self._numbers[known.key] = known.number
            if known.closed:
                continue
            with self._faults.isolate(f"the row of the post {known.key}"):
                group = AlertGroup.of(known)
                group.set_back(now)
                for fingerprint in [key for key in group.members if key not in self._episodes]:
                    del group.members[fingerprint]
                self.groups[known.key] = group
                for fingerprint in group.members:
                    self._of.setdefault(fingerprint, []).append(known.key)
                self._dirty[known.key] = None

    def groups_of(self, fingerprint: str) -> list[AlertGroup]:
        """Return the groups of an alert."""
        return [self.groups[key] for key in self._of.get(fingerprint, ())]

    def join(self, episode: Episode) -> None:
        """Add an alert to the groups of its routes."""
        held = {
            group.members[episode.fingerprint].home for group in self.groups_of(episode.fingerprint)
        }
        for route in routes_of(self._routes, self._default, episode):
            key, labels = route.group(episode.labels)
            if key in held:
                continue
            held.add(key)
            group = self.groups.get(key) or self._new(key, labels, route, episode.started)
            self._enter(group, GroupMember(episode.fingerprint, key, route.mention))

    def leave(self, episode: Episode) -> None:
        """Remove a resolved alert from its groups."""
        for key in self._of.pop(episode.fingerprint, ()):
            self.groups[key].leave(episode)
            self._dirty[key] = None

    def reroute(self, episode: Episode, at: float) -> None:
        """The settings changed: leave groups to which no route leads any more, and join others."""
        homes = {
            route.group(episode.labels)[0]
            for route in routes_of(self._routes, self._default, episode)
        }
        for group in self.groups_of(episode.fingerprint):
            if group.members[episode.fingerprint].home not in homes:
                self._of[episode.fingerprint].remove(group.key)
                del group.members[episode.fingerprint]
                group.note(at, f"{episode.title} now goes to another post or channel")
                self._dirty[group.key] = None
        self.join(episode)

    def note(self, fingerprint: str, at: float, text: str) -> None:
        """Add a line to the history of an alert, and render its posts again."""
        for key in self._of.get(fingerprint, ()):
            self.groups[key].note(at, text)
            self._dirty[key] = None

    def touch(self, fingerprint: str) -> None:
        """Render the posts of an alert again."""
        self._dirty.update(dict.fromkeys(self._of.get(fingerprint, ())))

    def unmute(self, fingerprint: str, now: float, *, remind: bool = False) -> None:
        """An alert is no longer muted. It is notified only after group_wait, so that it can resolve
        as what muted it did. With `remind`, channels that were notified before are reminded soon,
        not at the next repetition."""
        for group in self.groups_of(fingerprint):
            self._dirty[group.key] = None
            if remind and group.posted and group.members[fingerprint].notified:
                soon = now + group.wait - group.repeat
                group.last_message = min(group.last_message, soon)
            others = (key for key in group.members if key != fingerprint)
            if not group.posted and all(key in self._muted for key in others):
                waited = now + group.wait
                idle = group.flush_at == math.inf
                group.flush_at = waited if idle else max(waited, group.flush_at)
                self._timers.set(group.key, group.flush_at)

    def hold(self, now: float) -> None:
        """We see again: groups that were not notified yet wait once more, for they may have
        resolved unseen."""
        for group in self.groups.values():
            if not group.posted and group.flush_at < now + group.wait:
                group.flush_at = now + group.wait
                self._timers.set(group.key, group.flush_at)

    def budget(self, channel: str) -> MessageBudget:
        """Return how many messages a channel has had."""
        found = self._budgets.get(channel)
        if found is None:
            found = MessageBudget(ChannelRow(channel), self._settings.storm.within)
            self._budgets[channel] = found
        return found

    def spend(self, channel: str, now: float) -> None:
        """Count a message in `channel`."""
        budget = self.budget(channel)
        budget.record(now)
        self._channels[channel] = budget.row

    @property
    def stale(self) -> bool:
        """Whether posts must be rendered again."""
        return bool(self._dirty)

    def wake_at(self) -> float:
        """Return when `tick` has something to send next."""
        return self._timers.next()

    def tick(self, now: float, blind: bool) -> tuple[dict[str, GroupRow], dict[str, Notification]]:
        """Return the rows to store and the notifications to show. While we are blind no message is
        sent, but existing posts still show acknowledgements."""
        for key in list(self._dirty):
            self._plan(key, now)
        while not blind and (due := list(self._timers.due(now))):
            for group in self._worst_first(key for key in due if key in self.groups):
                with self._faults.isolate(f"the post {group.id} in {group.channel}"):
                    if group.flush_at <= now:
                        self._flush(group, now)
                        self._dirty[group.key] = None
                    else:
                        self._timers.set(group.key, group.flush_at)
            for key in dict.fromkeys((*due, *self._dirty)):
                self._plan(key, now)
        self._render()
        rows, notifications = self._rows, self._notifications
        self._rows, self._notifications = {}, {}
        return rows, notifications

    def take_channel_rows(self) -> dict[str, ChannelRow]:
        """Return the channels that had a message since the last call."""
        channels, self._channels = self._channels, {}
        return channels

    def notified_in(self, channel: str) -> list[str]:
        """Return the fingerprints of what fires and was notified in `channel`."""
        groups = (group for group in self.groups.values() if group.channel == channel)
        return list(dict.fromkeys(key for group in groups if group.posted for key in group.members))

    def rows(self) -> tuple[tuple[GroupRow, ...], tuple[ChannelRow, ...]]:
        """Return all rows of open groups and of channels, as of now."""
        groups = tuple(group.row() for group in self.groups.values())
        return groups, tuple(budget.row for budget in self._budgets.values())

    def _plan(self, key: str, now: float) -> None:
        """Find out when an existing group must be flushed next."""
        group = self.groups.get(key)
        if group is not None:
            with self._faults.isolate(f"the post {group.id} in {group.channel}"):
                self._schedule(group, now)

    def _render(self) -> None:
        for key in self._dirty:
            group = self.groups.get(key)
            if group is None:
                continue
            with self._faults.isolate(f"the post {group.id} in {group.channel}"):
                if group.posted:
                    self._show(group)
                self._rows[key] = group.row()
        self._dirty.clear()

    def _show(self, group: AlertGroup) -> None:
        for fingerprint, member in group.members.items():
            member.shown = member.shown or fingerprint not in self._muted
        for notification in self.renderer.group_posts(group):
            self._notifications[notification.key] = notification

    def _new(self, key: str, labels: Labels, route: Route, opened: float) -> AlertGroup:
        number = self._numbers[key] = self._numbers.get(key, 0) + 1
        group = AlertGroup(
            key, number, route.channel, labels, route.wait, route.interval, route.repeat, opened
        )
        self.groups[key] = group
        return group

    def _enter(self, group: AlertGroup, member: GroupMember) -> None:
        group.members[member.fingerprint] = member
        self._of.setdefault(member.fingerprint, []).append(group.key)
        self._dirty[group.key] = None

    def _schedule(self, group: AlertGroup, now: float) -> None:
        """Find out when a group must be flushed next, and close it if it ended before it was
        notified."""
        if not group.members:
            group.flush_at = max(now, group.flushed + group.interval) if group.posted else now
            if group.flush_at <= now and not group.posted:
                self._close(group)
                return
        elif not group.posted:
            if group.flush_at == math.inf and not all(key in self._muted for key in group.members):
                group.flush_at = max(now, group.opened) + group.wait
        else:
            group.flush_at = math.inf
            if group.news(self._episodes, self._muted):
                group.flush_at = group.flushed + group.interval
            if group.repeatable(self._episodes, self._muted):
                group.flush_at = min(group.flush_at, group.last_message + group.repeat)
            opens = self.budget(group.channel).opens_at(now, self._limit(group))
            group.flush_at = max(group.flush_at, opens)
        if group.flush_at < math.inf:
            self._timers.set(group.key, group.flush_at)

    def _flush(self, group: AlertGroup, now: float) -> None:
        if not group.members:
            self._close(group)
        elif not group.posted:
            self._send_first(group, now)
        else:
            self._send_again(group, now)

    def _send_first(self, group: AlertGroup, now: float) -> None:
        fingerprints = [key for key in group.members if key not in self._muted]
        if not fingerprints:
            group.flush_at = math.inf
            return
        opens = self.budget(group.channel).opens_at(now, self._limit(group))
        if opens > now and group.storm:
            group.flush_at = opens
        elif opens > now:
            self._move_to_storm(group, now)
        else:
            group.posted, group.flushed = True, now
            group.opened = min(self._episodes[key].started for key in fingerprints)
            group.mention = self._record_notified(group, fingerprints, now)

    def _send_again(self, group: AlertGroup, now: float) -> None:
        news = [member.fingerprint for member in group.news(self._episodes, self._muted)]
        going_on = group.repeatable(self._episodes, self._muted)
        due = bool(going_on) and group.last_message + group.repeat <= now
        ready = bool(news) and group.flushed + group.interval <= now
        if not (due or ready):
            return
        opens = self.budget(group.channel).opens_at(now, self._limit(group))
        if opens > now:
            return
        fingerprints = news if ready else going_on
        title = self._headline(fingerprints) if ready else f"Still firing: {len(fingerprints)}"
        group.messages += 1
        group.flushed = now
        mention = self._record_notified(group, fingerprints, now)
        notification = self.renderer.thread_message(group, title, fingerprints, mention)
        self._notifications[notification.key] = notification
        if not ready:
            group.note(now, f"repeated: {len(fingerprints)} still firing")

    def _record_notified(self, group: AlertGroup, fingerprints: list[str], now: float) -> str:
        """Record that these members are notified. Return the people on call to mention."""
        self.spend(group.channel, now)
        group.last_message = now
        mentions = []
        for fingerprint in fingerprints:
            member, episode = group.members[fingerprint], self._episodes[fingerprint]
            if is_news(member, episode):
                member.notified, member.rank = episode.state, episode.severity.rank
            wanted = member.mention and episode.severity is Severity.CRITICAL
            if wanted and not episode.acknowledged_by and member.mention not in episode.mentioned:
                mentions.append(member.mention)
                self._update(replace(episode, mentioned=(*episode.mentioned, member.mention)))
        return " ".join(dict.fromkeys(mentions))

    def _headline(self, fingerprints: list[str]) -> str:
        flapping = [key for key in fingerprints if self._episodes[key].flapping]
        word = "Flapping" if len(flapping) == len(fingerprints) else "Also firing"
        return f"{word}: {named([self._episodes[key].title for key in fingerprints], 3)}"

    def _move_to_storm(self, group: AlertGroup, now: float) -> None:
        """The channel has too many messages: move this group into the storm's post instead."""
        key = channel_hash(f"storm in {group.channel}")
        storm = self.groups.get(key)
        if storm is None:
            within = self._settings.storm.within
            route = replace(self._default, channel=group.channel, wait=0.0, interval=within)
            storm = self._new(key, Labels(), route, group.opened)
            storm.storm = True
        for fingerprint, member in group.members.items():
            keys = self._of[fingerprint]
            keys.remove(group.key)
            if fingerprint not in storm.members:
                storm.members[fingerprint] = member
                keys.append(key)
        group.members = {}
        self._close(group)
        self._dirty[key] = None
        if not storm.posted:
            storm.flush_at = now
            self._timers.set(key, now)

    def _close(self, group: AlertGroup) -> None:
        if group.posted and group.key in self._dirty:
            self._show(group)
        del self.groups[group.key]
        self._timers.drop(group.key)
        self._dirty.pop(group.key, None)
        self._rows[group.key] = group.row(closed=True)

    def _limit(self, group: AlertGroup) -> int:
        """Return the limit of messages for a group: the last one in a channel is kept for the
        storm's."""
        return self._settings.storm.most - (0 if group.storm else 1)

    def _worst_first(self, keys: Iterable[str]) -> list[AlertGroup]:
        def badness(group: AlertGroup) -> tuple[int, float, str]:
            ranks = (
                self._episodes[key].severity.rank for key in group.members if key not in self._muted
            )
            return -max(ranks, default=0), group.opened, group.key

        return sorted((self.groups[key] for key in keys), key=badness)
