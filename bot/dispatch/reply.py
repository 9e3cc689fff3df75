"""What the one who asked is answered at once. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from baton.outcome import Answer


@dataclass(frozen=True, slots=True)
class Form:
    """What the one who asked has yet to say: one of `choices` (each a label and a word), and, in
    words of their own, a `reason`, which stands there until they say another. The dispatcher is
    then asked `ask`, followed by `for` the choice, `because` of the reason. `text` says what will
    come of it."""

    title: str
    text: str
    ask: str
    choices: tuple[tuple[str, str], ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the one who asked is answered at once, and nobody else sees.

    `ok` is false for bad input, a refusal or a fault of ours; `job` is set if a job was begun or
    is meant. A front end that can show the `form` does so in place of the text.
    """

    text: str = ""
    answer: Answer | None = None
    ok: bool = True
    job: str = ""
    form: Form | None = None
