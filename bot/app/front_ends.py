"""The front ends that posts are shown in, and the queue of each while this bot leads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from bot.content import FileContent
from bot.fronts.protocol import Front
from bot.posts.queue import PostQueue
from bot.priority import ForegroundPriority
from bot.store import Store
from bot.store.output.output_text import whole_output


class FrontEnds:
    """Opens a queue for each front end when this bot becomes leader, and closes it afterwards.

    `settled` is called with the id of a job, or of another subject, when all its posts are up to
    date. `claim`, in seconds, is how long a post that a bot has begun to send belongs to it.
    """

    def __init__(
        self,
        store: Store,
        settled: Callable[[str], None],
        *,
        claim: float,
        way: ForegroundPriority,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._settled = settled
        self._claim = claim
        self._way = way
        self._clock = clock
        self._fronts: list[Front] = []
        self._queues: dict[str, PostQueue] = {}
        self._open = False

    @property
    def queues(self) -> Mapping[str, PostQueue]:
        """Return the queue of each front end, by its name: none while another bot leads."""
        return self._queues

    def add(self, front: Front) -> None:
        """Show posts in `front` too."""
        self._fronts.append(front)
        if self._open:
            self._open_queues([front])

    def open(self) -> None:
        """Open the queues: this bot leads."""
        self._open = True
        self._open_queues(self._fronts)

    async def close(self) -> None:
        """Close the queues. The next leader shows what is not shown yet."""
        self._open = False
        for queue in self._queues.values():
            await queue.close()
        self._queues.clear()

    def _open_queues(self, fronts: Iterable[Front]) -> None:
        for front in fronts:
            self._queues[front.name] = PostQueue(
                front,
                self._store.posts,
                self._settled,
                file_text=self._whole,
                claim=self._claim,
                priority=self._way,
                clock=self._clock,
            )

    async def _whole(self, file: FileContent) -> str:
        return await whole_output(self._store.ledger, file.job, file.hosts)
