"""A change of a schedule, with all that is written in the same transaction. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.jobs import AuditEntry, NewJob
from bot.schedules.posts import SchedulePost
from bot.schedules.schedule import Firing, Schedule


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one schedule, all of it or nothing.

    `schedule` is as it is to become, with the revision at which it was read: if it was changed
    meanwhile, nothing happens. `jobs` are started. `posts` are shown, and replace older ones with
    the same id. `reveal` is a hidden job that is to be shown after all, `dismiss` one that is not.
    `operation` is stored for alerts, which apply it.
    """

    schedule: Schedule
    firings: tuple[Firing, ...] = ()
    jobs: tuple[tuple[NewJob, AuditEntry], ...] = ()
    audit: tuple[AuditEntry, ...] = ()
    posts: tuple[SchedulePost, ...] = ()
    reveal: str = ""
    dismiss: str = ""
    operation: object = None
