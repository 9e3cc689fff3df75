"""The engine composes the stages: observations go in, and what to store and to show comes out.

Call `observe` with every observation, `link_lost` and `link_restored` about our own links, pass on
what people do, and call `tick` when `wake_at` has come or anything was put in, though not more than
a few times a second: the cost of a tick grows with the size of the groups that changed.

After a restart: `restore` from the rows, then `link_lost("starting")`, and
`link_restored("starting")` once the links are up, so that no server counts as down for heartbeats
that we could not receive. Do the same after a loop stood still.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from alerts.changes import Changes, Rows
from alerts.checks.check_state import CheckState
from alerts.checks.checks import Checks
from alerts.checks.visibility import Visibility, VisibilityRow
from alerts.episodes import Episode
from alerts.faults import Faults
from alerts.labels.matchers import Matchers
from alerts.mute.muting import Muting
from alerts.mute.silences import Silence
from alerts.notify.dispatch import NotificationDispatcher
from alerts.observation import CheckIn, HeartbeatSeen, LivenessSeen, Observation, Sample, Severity
from alerts.settings import AlertSettings
from baton.errors import UsageError
from baton.outcome import duration
from baton.timing.durations import LONGEST

SWEEP_INTERVAL = 3600.0
"""Seconds between two searches for checks that can be dropped."""
MAX_SKEW = 1.0
"""Seconds by which the wall clock may drift from the steady clock before it counts as set."""


class Engine:
    """Decides when to notify. All times are steady seconds.

    `checks`, `muting` and `dispatcher` are its stages. Read them, but do not change them.
    """

    def __init__(self, settings: AlertSettings) -> None:
        self._settings = settings
        self._open: dict[str, Episode] = {}
        self._held: dict[str, Sample | CheckIn] = {}
        self._changes = Changes()
        self._board_stale = True
        self._sweep_at = -math.inf
        self.faults = Faults()
        """The errors that concerned one check, rule or post, while the others continued."""
        self.checks = Checks(settings, self._judge, self.faults)
        self.muting = Muting(settings, self._open, self.faults)
        self.dispatcher = NotificationDispatcher(
            settings, self._open, self.muting.muted, self._put, self.faults
        )
        self._visibility = Visibility(
            VisibilityRow(), settings.blind.after, settings.group_interval
        )

    @classmethod
    def restore(cls, settings: AlertSettings, rows: Rows, now: float, skew: float = 0.0) -> Engine:
        """Return an engine that continues from `rows`. Past events whose times are later than `now`
        happened now: the clock was set back meanwhile. `skew` is the same as for `tick`."""
        engine = cls(settings)
        engine._clock_moved(skew, now)
        engine._open.update((episode.fingerprint, episode) for episode in rows.episodes)
        engine.checks.restore(rows.checks, now)
        engine.muting.restore(rows.silences, now)
        engine._visibility.restore(rows.visibility)
        engine.dispatcher.restore(rows.groups, rows.channels, now)
        engine.reload(settings, now)
        return engine

    @property
    def settings(self) -> AlertSettings:
        """The settings that it uses."""
        return self._settings

    @property
    def blind_since(self) -> float | None:
        """Since when no state changes because we are blind; None while we see."""
        return self._visibility.row.since if self._visibility.blind else None

    def reload(self, settings: AlertSettings, at: float) -> None:
        """Use other settings from now on. What fires is routed and muted again."""
        self._settings = settings
        self._visibility.reload(settings.blind.after, settings.group_interval)
        self.dispatcher.reload(settings)
        for fingerprint in self.checks.reload(settings):
            with self.faults.isolate("a check that was removed from alerts.toml"):
                self.forget(fingerprint, at, "it is no longer monitored")
        self.checks.expect_check_ins(at)
        for touched in self.muting.reload(settings, at):
            self._remuted(touched, at, anew=False)
        for episode in list(self._open.values()):
            with self.faults.isolate(f"the routes of {episode.title}"):
                self.dispatcher.reroute(episode, at)
        self._board_stale = True

    def observe(self, seen: Observation) -> None:
        """Take an observation. Raises UsageError for a check-in that the settings do not define."""
        if self._visibility.blind:
            # what a sender decided is sent once, so it must not be lost; a result comes again
            if isinstance(seen, CheckIn):
                self.checks.require_check_in(seen)
                self._held[seen.name] = seen
            elif isinstance(seen, Sample) and seen.decided:
                before = self._held.get(seen.labels.fingerprint)
                if before is None or not seen.dated or before.at <= seen.at:
                    self._held[seen.labels.fingerprint] = seen
        elif isinstance(seen, Sample):
            self.checks.on_sample(seen)
        elif isinstance(seen, HeartbeatSeen):
            self.checks.on_heartbeat(seen)
        elif isinstance(seen, LivenessSeen):
            self.checks.on_liveness(seen)
        else:
            self.checks.on_check_in(seen)

    def link_lost(self, what: str, at: float) -> None:
        """Our link `what` (such as the message bus) is lost: no state changes until it is
        restored."""
        self._visibility.link_lost(what, at)

    def link_restored(self, what: str, at: float) -> None:
        """Our link `what` is restored: missing observations count again from now on."""
        since = self._visibility.row.since
        if since is None or not self._visibility.link_restored(what, at):
            return
        self.checks.visibility_restored(at, since)
        self.dispatcher.hold(at)
        held, self._held = self._held, {}
        for seen in held.values():
            with self.faults.isolate("an observation that came while monitoring was blind"):
                self.observe(seen)

    def acknowledge(self, what: str, by: str, at: float) -> list[Episode]:
        """Acknowledge for `by` what `find` finds. Return the episodes that were not acknowledged
        yet."""
        taken = []
        for episode in self.find(what):
            after = episode.acknowledged(by, at)
            if after is not episode:
                taken.append(after)
                self._put(after)
                title = after.title
                self.dispatcher.note(after.fingerprint, at, f"{by} acknowledged {title}")
        return taken

    def silence(
        self, matchers: Matchers, seconds: float, by: str, reason: str, at: float, key: str = ""
    ) -> Silence:
        """Create a silence, as Silence.create does. Raises UsageError."""
        silence = Silence.create(matchers, seconds, by, reason, at, key)
        self._silenced(silence, at)
        return silence

    def unsilence(self, silence_id: str, at: float) -> Silence:
        """Expire a silence. Raises UsageError if it is not active."""
        known = self.muting.silences.get(silence_id)
        if known is None:
            raise UsageError(f"There is no silence {silence_id}.", field="silence")
        ended = known.expired(at)
        self._silenced(ended, at)
        return ended

    def forget(self, fingerprint: str, at: float, note: str) -> None:
        """Drop a check. Its episode ends, with a note that says why."""
        row = self.checks.forget(fingerprint)
        if row is None:
            return
        self._changes.checks[fingerprint] = row
        if fingerprint in self._open:
            self._resolve(self._open[fingerprint], at, note)

    def find(self, what: str) -> list[Episode]:
        """Return the firing episodes of a group (`KEY/NUMBER`, as buttons name it), or those whose
        fingerprint begins with `what`."""
        key, slash, number = what.partition("/")
        group = self.dispatcher.groups.get(key)
        if slash:
            members = group.members if group is not None and number == str(group.number) else ()
            return [self._open[fingerprint] for fingerprint in members]
        return [one for one in self._open.values() if what and one.fingerprint.startswith(what)]

    def matched_by(self, matchers: Matchers) -> list[Episode]:
        """Return the firing episodes that a silence with these matchers would mute."""
        return [one for one in self._open.values() if matchers.matches(one.labels, one.severity)]

    def firing(self) -> list[Episode]:
        """Return everything that fires, muted or not, the oldest first."""
        return sorted(self._open.values(), key=lambda one: (one.started, one.labels.pairs))

    def silences(self) -> Sequence[Silence]:
        """Return the silences that have not expired, the first to expire first."""
        return sorted(self.muting.silences.values(), key=lambda silence: silence.until)

    def tick(self, now: float, skew: float = 0.0) -> Changes:
        """Let the time be `now`. Return what to store, in one transaction, and then to show.

        `skew` is what to add to steady seconds to get wall clock seconds.
        """
        renderer = self.dispatcher.renderer
        if abs(skew - renderer.skew) > MAX_SKEW:
            self._clock_moved(skew, now)
        if not self._visibility.blind:
            self.checks.pass_time(now)
            if now >= self._sweep_at:
                self._sweep_at = now + SWEEP_INTERVAL
                for fingerprint in self.checks.forgettable(now):
                    self.forget(fingerprint, now, "")
        for touched in self.muting.pass_time(now):
            self._remuted(touched, now)
        groups, notifications = self.dispatcher.tick(now, self._visibility.blind)
        changes, self._changes = self._changes, Changes()
        changes.groups, changes.notifications = groups, notifications
        self._notify_blindness(changes, now)
        changes.channels = self.dispatcher.take_channel_rows()
        changes.checks |= self.checks.take_changed_rows(now)
        if groups or self._board_stale:
            self._board_stale = False
            for channel in self._settings.board:
                with self.faults.isolate(f"the board in {channel}"):
                    board = renderer.board(channel, self.dispatcher.notified_in(channel))
                    changes.notifications[board.key] = board
        return changes

    def _notify_blindness(self, changes: Changes, now: float) -> None:
        changes.visibility, shown, fresh = self._visibility.tick(
            now, self._settings.channels, lambda channel: self._opens(channel, now)
        )
        for channel in fresh:
            self.dispatcher.spend(channel, now)
        for channel in shown:
            notice = self.dispatcher.renderer.blind_notice(self._visibility.row, channel)
            changes.notifications[notice.key] = notice

    def _clock_moved(self, skew: float, at: float) -> None:
        """The wall clock was set: what depends on it, such as cron, is due at another time."""
        self.dispatcher.renderer.skew = skew
        self.checks.clock_moved(skew, at)
        for touched in self.muting.clock_moved(skew, at):
            self._remuted(touched, at)

    def wake_at(self) -> float:
        """Return when `tick` must be called next, at the latest; minus infinity for at once."""
        if self._changes or self._board_stale or self.dispatcher.stale:
            return -math.inf
        blindness = self._visibility.wake_at(
            self._settings.channels, lambda one: self._opens(one, -math.inf)
        )
        times = [self.muting.next_change(), blindness]
        if not self._visibility.blind:
            times += [self.checks.wake_at(), self.dispatcher.wake_at(), self._sweep_at]
        return min(times)

    def rows(self) -> Rows:
        """Return all that a restart needs, as of now."""
        groups, channels = self.dispatcher.rows()
        return Rows(
            self.checks.rows(),
            tuple(self._open.values()),
            groups,
            tuple(self.muting.silences.values()),
            channels,
            self._visibility.row,
        )

    def _judge(
        self,
        check: CheckState,
        at: float,
        text: str,
        severity: Severity | None,
        note: str = "",
        *,
        seen: Sample | None = None,
        called: str = "",
        expired: bool = False,
    ) -> None:
        """Open, change or resolve the episode of a check, as its state requires."""
        episode = self._open.get(check.labels.fingerprint)
        links = seen.links if seen is not None else ()
        if not (check.down or check.flapping):
            if episode is not None:
                over = seen.over if seen is not None else None
                self._resolve(episode, at, note, self._moment(over, at), expired=expired)
        elif episode is None:
            began = self._moment(seen.began if seen is not None else None, at)
            fresh = Episode(
                check.labels,
                check.number + 1,
                began,
                severity or Severity.WARNING,
                text,
                check.flapping,
                changed=at,
                called=called,
                links=links,
                opened=at,
            )
            self._begin(check, fresh, at)
        else:
            known = severity if severity is not None and check.bad else episode.severity
            called = called if check.bad and severity is not None else episode.called
            after = episode.updated(known, text, check.flapping, at, called, links)
            if after is not episode:
                self._change(episode, after, at)

    def _moment(self, wall: float | None, at: float) -> float:
        """Return the steady time of what a sender dates in `wall` seconds: `at`, when it reported
        it, if it gives no date, a later one, or one that is ages ago."""
        if wall is None:
            return at
        steady = wall - self.checks.skew
        return steady if at - LONGEST < steady < at else at

    def _begin(self, check: CheckState, episode: Episode, at: float) -> None:
        self.checks.set_number(check, episode.number)
        self._put(episode)
        touched = self.muting.on_opened(episode, at)
        self.dispatcher.join(episode)
        verb = "started flapping" if episode.flapping else "started firing"
        reason = f": {episode.text}" if episode.text else ""
        self.dispatcher.note(episode.fingerprint, at, f"{episode.title} {verb}{reason}")
        for other in touched - {episode.fingerprint}:
            self._remuted(other, at)

    def _change(self, before: Episode, after: Episode, at: float) -> None:
        self._put(after)
        title = after.title
        if after.flapping is not before.flapping:
            text = "started flapping" if after.flapping else "stopped flapping and is down"
            self.dispatcher.note(after.fingerprint, at, f"{title} {text}")
        if after.severity is not before.severity:
            for touched in self.muting.on_opened(after, at):
                self._remuted(touched, at)
            self.dispatcher.reroute(after, at)
            self.dispatcher.note(after.fingerprint, at, f"{title} is now {after.severity}")
        self.dispatcher.touch(after.fingerprint)

    def _resolve(
        self,
        episode: Episode,
        at: float,
        note: str,
        over: float | None = None,
        *,
        expired: bool = False,
    ) -> None:
        """Resolve an episode, as of `over` if that is not now."""
        after = episode.resolved(at if over is None else over, note, expired=expired)
        del self._open[episode.fingerprint]
        self._changes.episodes[episode.fingerprint, episode.number] = after
        lasted = duration((after.ended or at) - after.started)
        reason = f": {note}" if note else ""
        text = f"{after.title} {after.state} after {lasted}{reason}"
        self.dispatcher.note(after.fingerprint, at, text)
        self.dispatcher.leave(after)
        for touched in self.muting.on_closed(episode.fingerprint, at):
            self._remuted(touched, at)

    def _put(self, episode: Episode) -> None:
        """Store an episode as it is now."""
        self._open[episode.fingerprint] = episode
        self._changes.episodes[episode.fingerprint, episode.number] = episode

    def _silenced(self, silence: Silence, at: float) -> None:
        self._changes.silences[silence.id] = silence
        for touched in self.muting.add_silence(silence, at):
            self._remuted(touched, at)

    def _remuted(self, fingerprint: str, at: float, *, anew: bool = True) -> None:
        """An episode is muted, or no longer, or for another reason; `anew` if the mute is news."""
        episode, muted = self._open.get(fingerprint), self.muting.muted.get(fingerprint)
        if episode is None:
            return
        if muted is None:
            self.dispatcher.note(fingerprint, at, f"{episode.title} is no longer muted")
            remind = self.muting.take_unsilenced(fingerprint)
            self.dispatcher.unmute(fingerprint, at, remind=remind)
        elif anew:
            self.dispatcher.note(fingerprint, at, f"{episode.title}: {muted.why}")
        else:
            self.dispatcher.touch(fingerprint)

    def _opens(self, channel: str, now: float) -> float:
        return self.dispatcher.budget(channel).opens_at(now, self._settings.storm.most)
