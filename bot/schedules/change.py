"""A change of a schedule, with all that is written beside it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.jobs import AuditEntry, NewJob
from bot.schedules.posts import SchedulePost
from bot.schedules.schedule import Firing, Schedule


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one schedule, whole or not at all.

    `schedule` is as it is to be, with the revision that it was read at: if anybody changed it
    meanwhile nothing happens. A post that is there already shows what the new one of `posts` says.
    `reveal` is a hidden job that is to be shown after all, `dismiss` one that is not. `heard` is an
    ask of alerts: what they are to take note of.
    """

    schedule: Schedule
    firings: tuple[Firing, ...] = ()
    jobs: tuple[tuple[NewJob, AuditEntry], ...] = ()
    audit: tuple[AuditEntry, ...] = ()
    posts: tuple[SchedulePost, ...] = ()
    reveal: str = ""
    dismiss: str = ""
    operation: object = None
