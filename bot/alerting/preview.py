"""What a silence would mute, before anybody asks for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from alerts import Engine, Episode, Matchers
from baton.outcome import named
from baton.words import quoted
from bot.front import Form, Reply

CHOICES = (("1 hour", "1h"), ("4 hours", "4h"), ("1 day", "1d"))
REASON = "it is being looked at"
MOST = 10
"""Alerts that are named."""


def preview(engine: Engine, matchers: Matchers, about: Sequence[Episode]) -> Reply:
    """What a silence of these matchers would mute, beside what it is `about`, and what is left to
    say: for how long, and why."""
    known = {one.fingerprint for one in about}
    besides = [one for one in engine.meant(matchers) if one.fingerprint not in known]
    watches = engine.inside[0].watches.values()
    watched = sum(matchers.matches(one.labels) for one in watches)
    mutes = f"{_titles(about)}; and besides" if about else "of what fires now"
    text = (
        f"{matchers} means {watched} of the {len(watches)} things that are watched.\n"
        f"To silence that would mute {mutes}: {_titles(besides)}."
    )
    words = (quoted(f"{part.name}{part.op}{part.value}") for part in matchers.parts)
    ask = " ".join(["alerts silence", *words])
    typed = f"To have it so: /{ask} for {CHOICES[0][1]} because {REASON}"
    return Reply(f"{text}\n{typed}", form=Form("Silence", text, ask, CHOICES, REASON))


def _titles(episodes: Sequence[Episode]) -> str:
    return named(sorted(one.labels.title() for one in episodes), MOST) or "nothing"
