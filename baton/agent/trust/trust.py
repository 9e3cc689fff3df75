"""Whether an order is believed: who signed exactly these bytes, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from baton.agent.trust.clocks import forgotten_doubt, time_doubt
from baton.agent.trust.settings import Mode, SigningTable
from baton.bus.channel import Envelope
from baton.bus.facts import SigningFacts
from baton.bus.messages import Message, now
from baton.bus.signing.header import SIGNATURE
from baton.bus.signing.key_ring import Doubt, KeyRing
from baton.bus.signing.public_key import PublicKey

PUSH = "baton.push"
"""The kind of what `baton push` signs: a build request for a worker."""

log = structlog.get_logger(__name__)

_MOST_NAMED = 100
"""Keys that are named in the log, once each."""


class Trust:
    """Trust decides which orders are believed, by the `[signing]` table. With `off` nothing is
    looked at, and nothing is loaded. The keys in `push` sign build requests and nothing else.

    Raises SigningNotInstalled if signatures are to be looked at and cannot be.
    """

    def __init__(
        self,
        table: SigningTable | None = None,
        clock: Callable[[], datetime] = now,
        push: Sequence[PublicKey] = (),
    ) -> None:
        self._table = table or SigningTable()
        self._ring = None if self.mode is Mode.OFF else KeyRing(self._table.keys)
        self._push_ring = None if self.mode is Mode.OFF else KeyRing((*self._table.keys, *push))
        self._clock = clock
        self._doubted: Counter[str] = Counter()
        self._last = ""

    @property
    def mode(self) -> Mode:
        """What becomes of an order that is not believed."""
        return self._table.mode

    @property
    def insists(self) -> bool:
        """Whether an order that is not believed is refused."""
        return self.mode is Mode.REQUIRE

    @property
    def facts(self) -> SigningFacts:
        """What heartbeats say of it."""
        return SigningFacts(
            mode=self.mode.value,
            keys=tuple(key.fingerprint for key in self._table.keys),
            doubted=sum(self._doubted.values()),
            last=self._last,
        )

    def doubt(self, message: Message, envelope: Envelope, *, timed: bool = True) -> str:
        """Return why `message`, which came in `envelope`, is refused; empty if it is taken. Its
        times count if it is `timed`."""
        if self._ring is None:
            return ""
        signed = envelope.headers.get(SIGNATURE)
        found = self._ring.doubt(message.type, envelope.body, signed)
        if found is None and timed:
            late = time_doubt(message, envelope.expires, self._clock())
            found = Doubt(late) if late else None
        return self._judged(message, found)

    def forgotten(self, message: Message, forgotten: float) -> str:
        """Return why `message` is refused because the journal may have forgotten that it was here
        before; empty if it is taken. `forgotten` as in `forgotten_doubt`."""
        if self._ring is None:
            return ""
        old = forgotten_doubt(message, forgotten)
        return self._judged(message, Doubt(old) if old else None)

    def outlived(self, message: Message, until: datetime) -> str:
        """Return why `message` is refused because nothing can have waited until now that was to
        end before `until`; empty if it is taken."""
        if self._ring is None or self._clock() <= until:
            return ""
        text = f"should have ended by {until:%Y-%m-%d %H:%M:%S} UTC: somebody sent an old one again"
        return self._judged(message, Doubt(text))

    def push_doubt(self, id: str, envelope: Envelope, late: str) -> str:
        """Return why the build request `id` in `envelope` is refused; empty if it is taken. `late`
        is what is wrong with its time or its queue."""
        if self._push_ring is None:
            return ""
        found = self._push_ring.doubt(PUSH, envelope.body, envelope.headers.get(SIGNATURE))
        return self._judge(PUSH, id, found or (Doubt(late) if late else None))

    def _judged(self, message: Message, found: Doubt | None) -> str:
        return self._judge(message.type, message.id, found)

    def _judge(self, type: str, id: str, found: Doubt | None) -> str:
        if found is None:
            return ""
        text = f"it {found.text}"
        key = found.key or found.text.partition(" ")[0]
        # a sender may name any number of keys
        name = key if key in self._doubted or len(self._doubted) < _MOST_NAMED else "others"
        self._doubted[name] += 1
        self._last = f"{type}: {text}"
        if self.insists:
            return text
        if self._doubted[name] == 1:
            log.warning(
                'this order was taken; with [signing] mode = "require" it would be refused',
                type=type,
                id=id,
                reason=text,
            )
        return ""
