"""Tells whoever watches jobs which of them have changed."""

from __future__ import annotations

from collections.abc import Callable, Collection

from bot.store.database.transactions import Notifier

Watcher = Callable[[Collection[str]], None]


class JobChanges:
    """The ids of jobs that were changed, right after each commit.

    It tells of the changes of this bot, and of other bots on PostgreSQL. Some may be lost: whoever
    must not miss one also polls the job.
    """

    def __init__(self) -> None:
        self._watchers: list[Watcher] = []
        self.others: Notifier | None = None
        """Tells other bots what this one has changed, if something can."""

    def subscribe(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` with the ids of what has changed, from now on; return how to end that.
        It is called within the event loop, must be quick and raise nothing."""
        self._watchers.append(watcher)
        if self.others is not None:
            self.others.start()

        def unsubscribe() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

        return unsubscribe

    def announce(self, ids: Collection[str]) -> None:
        """Tell everybody, other bots too, that we have changed the jobs with these ids."""
        if ids:
            self.hear(ids)
            if self.others is not None:
                self.others.send(ids)

    def hear(self, ids: Collection[str]) -> None:
        """Tell the watchers of this bot that the jobs with these ids have changed."""
        for watcher in list(self._watchers):
            watcher(ids)
