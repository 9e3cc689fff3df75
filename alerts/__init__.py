"""The alert engine: observations -> checks -> episodes -> groups -> notifications. Pure.

Nothing here reads a clock, sleeps, or talks to anybody: time comes in as seconds (steady_clock.py),
observations come in through `Engine.observe`, and `Engine.tick` returns what to write down and what
to show. The stages are folders: `checks/` finds what is down, flapping, late or silent; `mute/`
knows what nobody is to hear of; `notify/` decides who is notified, when, in which words. The engine
composes them, `settings` is alerts.toml, and `bot.alerting` runs it all.
"""

from alerts.changes import Changes, Rows
from alerts.engine import Engine
from alerts.episodes import Episode
from alerts.labels import Labels
from alerts.labels.matchers import Matchers
from alerts.mute.silences import Silence
from alerts.notify.notification import AlertContent, Notification
from alerts.observation import CheckIn, HeartbeatSeen, LivenessSeen, Sample, Severity
from alerts.settings import AlertSettings, load_alerts
from alerts.steady_clock import SteadyClock

__all__ = [
    "AlertContent",
    "AlertSettings",
    "Changes",
    "CheckIn",
    "Engine",
    "Episode",
    "HeartbeatSeen",
    "Labels",
    "LivenessSeen",
    "Matchers",
    "Notification",
    "Rows",
    "Sample",
    "Severity",
    "Silence",
    "SteadyClock",
    "load_alerts",
]
