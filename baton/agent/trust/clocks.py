"""What the times of a signed order say. Pure.

RabbitMQ counts how long an order is valid, so a clock that is wrong stops nothing. But who has the
password of RabbitMQ can send an old order again, with a fresh count. Where signatures count, the
signed times and the clock of this machine must agree too, and a clock that is wrong is called so.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from baton.bus.messages import Discover, Message, Probe, Request, Survey
from baton.outcome import duration

AHEAD = timedelta(seconds=30)
"""By how much the clock of a bot may be ahead of ours."""
LATE = timedelta(seconds=10)
"""How long after its deadline an order may be read that RabbitMQ handed out in time."""
OLD = timedelta(minutes=5)
"""How old an order may be that has no deadline and changes nothing."""


def time_doubt(message: Message, expires: float | None, at: datetime) -> str:
    """Return what is wrong with the times of `message`, which is read at `at`; empty if nothing is.

    `expires` is as in Envelope. What is simply too late is no doubt: it has expired.
    """
    if message.time - at > AHEAD:
        ahead = duration((message.time - at).total_seconds())
        return (
            f"was sent {ahead} in the future, by the clock of this machine ({_shown(at)}): clock"
            " skew. Check both clocks (timedatectl)"
        )
    if isinstance(message, Request | Probe | Survey):
        late = at - message.deadline
        if late > LATE and expires is not None and expires > 0:
            return (
                f"came {duration(late.total_seconds())} after its deadline, by the clock of this"
                f" machine ({_shown(at)}), though RabbitMQ says that it is new: clock skew, or"
                " somebody sent an old one again. Check both clocks (timedatectl)"
            )
    if isinstance(message, Discover) and at - message.time > OLD:
        return (
            f"was sent {duration((at - message.time).total_seconds())} ago: clock skew, or a copy"
        )
    return ""


def forgotten_doubt(message: Message, forgotten: float) -> str:
    """Return why `message` is not new enough to know that it was not here before; empty if it is.

    `forgotten` is when the last order came that the journal has forgotten, in seconds since 1970.
    """
    if message.time.timestamp() > forgotten + AHEAD.total_seconds():
        return ""
    until = datetime.fromtimestamp(forgotten, UTC)
    return (
        f"was sent on {message.time:%Y-%m-%d at %H:%M:%S} UTC, and the journal here has forgotten"
        f" what came until {until:%Y-%m-%d %H:%M:%S}: somebody sent an old one again"
    )


def _shown(at: datetime) -> str:
    return f"{at:%H:%M:%S} UTC"
