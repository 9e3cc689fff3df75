"""One envelope on its way to the bot, and what became of it."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field

from baton_slack_testing.errors import Json


@dataclass(slots=True, eq=False)
class Delivery:
    """An envelope. `acked_after` is in seconds; None means it was not acknowledged in time."""

    type: str
    payload: Json
    accepts_answer: bool
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempt: int = 0
    connection: int | None = None
    sent_at: float = 0.0
    acked_at: float | None = None
    answer: Json | None = None
    done: asyncio.Future[bool] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    timer: asyncio.TimerHandle | None = None

    @property
    def acked_after(self) -> float | None:
        """Seconds from sending to the acknowledgement."""
        return None if self.acked_at is None else self.acked_at - self.sent_at

    def text(self) -> str:
        """The envelope as it goes over the socket."""
        envelope: Json = {
            "envelope_id": self.id,
            "type": self.type,
            "payload": self.payload,
            "accepts_response_payload": self.accepts_answer,
        }
        if self.type == "events_api":
            envelope["retry_attempt"] = self.attempt
            envelope["retry_reason"] = "timeout" if self.attempt else ""
        return json.dumps(envelope)

    def again(self, *, attempt: int | None = None) -> Delivery:
        """The same once more: as a retry (a new envelope), or, without attempt, the very same."""
        if attempt is None:
            twin = Delivery(self.type, self.payload, self.accepts_answer, self.id)
            twin.attempt = self.attempt
            return twin
        return Delivery(self.type, self.payload, self.accepts_answer, attempt=attempt)

    def close(self, acked: bool) -> None:
        """Acknowledged, or given up."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if not self.done.done():
            if acked:
                self.acked_at = time.monotonic()
            self.done.set_result(acked)
