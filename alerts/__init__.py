"""WHEN TO SPEAK UNASKED: observations -> samples -> episodes -> groups -> bulletins. Pure.

Nothing here reads a clock, sleeps, or talks to anybody: time comes in as seconds (see clock.py),
what was seen comes in through `Engine.observe`, and `Engine.tick` says what to write down and what
to show. The bot's alerting package is its only user.
"""

from alerts.changes import Changes, Rows
from alerts.clock import Steady
from alerts.engine import Engine
from alerts.episodes import Episode
from alerts.labels import Labels
from alerts.labels.matchers import Matchers
from alerts.mute.silences import Silence
from alerts.notify.notification import AlertContent, Bulletin
from alerts.observation import Beat, CheckIn, Sample, Severity, Sign
from alerts.settings import AlertSettings, load_alerts

__all__ = [
    "AlertContent",
    "AlertSettings",
    "Beat",
    "Bulletin",
    "Changes",
    "CheckIn",
    "Engine",
    "Episode",
    "Labels",
    "Matchers",
    "Rows",
    "Sample",
    "Severity",
    "Sign",
    "Silence",
    "Steady",
    "load_alerts",
]
