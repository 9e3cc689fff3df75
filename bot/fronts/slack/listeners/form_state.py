"""What a form keeps until it is sent: who opened it, where, and what of. Slack holds it for us, so
it is sealed: what comes back is taken only if it is what we wrote. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from bot.fronts.slack.blocks.forms import MAX_METADATA
from bot.jobs import Place

_SEAL = 32
"""Characters of a seal."""


class FormSeal:
    """Seals with a key that all bots of a workspace have: they share its bot token."""

    def __init__(self, token: str) -> None:
        self._key = hashlib.sha256(b"baton forms " + token.encode()).digest()

    def sealed(self, person: str, place: Place, **known: str) -> str:
        """Return the state of a form that `person` opened in `place`, as text."""
        where = [place.channel, place.thread, place.name]
        text = json.dumps({**known, "by": person, "place": where}, ensure_ascii=False)
        return self._of(text) + text

    def opened(self, state: str, person: str) -> Mapping[str, Any] | None:
        """Return what is in a state that we sealed for `person`; None if we did not."""
        seal, text = state[:_SEAL], state[_SEAL:MAX_METADATA]
        if not hmac.compare_digest(seal.encode(), self._of(text).encode()):
            return None
        known: Mapping[str, Any] = json.loads(text)
        return known if known["by"] == person else None

    def _of(self, text: str) -> str:
        digest = hmac.new(self._key, text.encode(errors="replace"), hashlib.sha256)
        return digest.hexdigest()[:_SEAL]
