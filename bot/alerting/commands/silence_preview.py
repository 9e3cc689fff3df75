"""Shows what a silence would mute, before it is made. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from alerts import Engine, Episode, Matchers
from alerts.labels.matchers import Matcher, quoted
from baton.outcome import named
from bot.dispatch.reply import Form, Reply

CHOICES = (("1 hour", "1h"), ("4 hours", "4h"), ("1 day", "1d"))
REASON = "it is being looked at"
MAX_NAMED = 10
"""Alerts that are named."""


def preview(engine: Engine, matchers: Matchers, about: Sequence[Episode]) -> Reply:
    """Return what a silence of these matchers would mute, beside what it is `about`, and a form for
    what is left to say: for how long, and why."""
    known = {one.fingerprint for one in about}
    besides = [one for one in engine.matched_by(matchers) if one.fingerprint not in known]
    watches = engine.checks.states.values()
    watched = sum(matchers.matches(one.labels) for one in watches)
    text = (
        f"{matchers} matches {watched} of {len(watches)} monitored targets.\n"
        f"{_mutes(about, besides)}"
    )
    ask = " ".join(["alerts silence", *map(_typed, matchers.parts)])
    typed = f"To silence it: /{ask} for {CHOICES[0][1]} because {REASON}"
    return Reply(f"{text}\n{typed}", form=Form("Silence", text, ask, CHOICES, REASON))


def _mutes(about: Sequence[Episode], besides: Sequence[Episode]) -> str:
    if about:
        more = f"besides {_titles(besides)}" if besides else "no other firing alert"
        return f"A silence would mute {_titles(about)}, and {more}."
    if besides:
        return f"A silence would mute these firing alerts: {_titles(besides)}."
    return "No firing alert would be muted."


def _titles(episodes: Sequence[Episode]) -> str:
    return named(sorted(one.title for one in episodes), MAX_NAMED)


def _typed(part: Matcher) -> str:
    """Return `part` as it can be typed: what a keyboard, a shell or Slack would take otherwise is
    escaped."""
    if str(part) != f"{part.name}{part.op}{quoted(part.value)}":
        return str(part)
    inner = quoted(part.value)[1:-1].replace('\\"', '"')
    return f'{part.name}{part.op}"{"".join(map(_escaped, inner))}"'


def _escaped(character: str) -> str:
    plain = character.isalnum() or character > "\uffff"
    if plain or (" " <= character <= "~" and character not in "\"'&<>"):
        return character
    return f"\\u{ord(character):04x}"
