"""What becomes of a rollout when somebody says pause, go on, skip, slower or back. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from baton.bus.messages import State
from bot.rollout.state import RolloutState
from bot.rollout.values import Rollout
from bot.rollout.waves import slower


class Word(StrEnum):
    """What people say to a rollout."""

    PAUSE = "pause"
    GO_ON = "go-on"
    SKIP = "skip"
    SLOWER = "slower"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class Heard:
    """A rollout as it is after a word: its `state`, the servers that it leaves as they are, and
    what whoever said it reads. No `state`: nothing changes, and `text` says why."""

    text: str
    state: RolloutState | None = None
    left: frozenset[str] = frozenset()


def hear(
    word: Word, it: Rollout, state: RolloutState, by: str, host: str = "", question: str = ""
) -> Heard:
    """Return what becomes of the rollout `it`, written as `state`, when `by` says `word`; `host` is
    the server to skip, and `question` the mark of the question that they saw."""
    if state.stopped:
        return Heard(f"It was stopped: {state.stopped}")
    if word is Word.BACK:
        return _back(it, state, by)
    if word is Word.GO_ON:
        asks = state.question.mark if state.question is not None else ""
        if question not in ("", asks):
            return Heard("It asks something else by now than what was shown: look at its post.")
        return _go_on(it, state)
    waiting = [one for one in it.members if one.waits]
    if not waiting:
        return Heard("All of its servers have begun.")
    if word is Word.PAUSE:
        if state.paused:
            return Heard(f"It is paused already, {state.paused}.")
        return Heard(
            "Paused: what runs goes on, and no other server begins until somebody says `go on`.",
            state.model_copy(update={"paused": f"by {by}"}),
        )
    if word is Word.SKIP:
        return _skip(it, state, host)
    waves = {one.host: one.wave for one in slower(it).members}
    if waves == dict(state.waves):
        return Heard("It cannot be slower: its waves have one server each.")
    return Heard(
        f"Slower: the {len(waiting)} that have not begun go in smaller waves.",
        state.model_copy(update={"waves": waves}),
    )


def _go_on(it: Rollout, state: RolloutState) -> Heard:
    if not state.paused and state.question is None:
        return Heard("It is going on: nobody has paused it, and it asks nothing.")
    changes: dict[str, object] = {"paused": "", "question": None}
    if state.question is not None:
        changes["let_on"] = max(state.let_on, state.question.wave)
        changes["overlooked"] = state.overlooked | state.question.hosts
    left = sum(one.waits for one in it.members)
    text = f"It goes on: {left} to begin." if left else "It goes on: every server has begun."
    return Heard(text, state.model_copy(update=changes))


def _skip(it: Rollout, state: RolloutState, host: str) -> Heard:
    called = [one for one in it.members if host in (one.host, one.host.partition(".")[0])]
    if len(called) != 1:
        return Heard(f"{host} is not one of its servers.")
    name = called[0].host
    if not called[0].waits:
        return Heard(
            f"{name} has begun, or is skipped already. To go on in spite of it say `go on`."
        )
    return Heard(
        f"{name} is skipped: it stays as it is.",
        state.model_copy(update={"skipped": state.skipped | {name}}),
        frozenset({name}),
    )


def _back(it: Rollout, state: RolloutState, by: str) -> Heard:
    left = frozenset(one.host for one in it.members if one.held)
    change = {"stopped": f"{by} said back.", "question": None, "paused": ""}
    running = sum(one.in_flight for one in it.members)
    text = "It goes back: what succeeded is taken back, the newest wave first"
    text += f", once the {running} that run have ended." if running else "."
    if not running and not any(one.state is State.SUCCEEDED for one in it.members):
        text = "It is stopped. It has succeeded on no server, so there is nothing to take back."
    return Heard(text, state.model_copy(update=change), left)
