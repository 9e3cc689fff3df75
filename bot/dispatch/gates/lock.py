"""The gate of locks: who has the lock of something has it for themselves. Pure."""

from __future__ import annotations

from bot.dispatch.gates.finding import Finding, Open, Refused
from bot.dispatch.gates.situation import Gate, Intent, Situation
from bot.locks import Lock, Scope, clock, queue_of


class LockGate(Gate):
    """Looks at the locks of the situation."""

    def look(self, situation: Situation) -> Finding:
        """Return the lock of somebody else that it meets, if there is one."""
        if not situation.intent.changes:
            return Open("lock", "It only looks: no lock is about it.")
        met = [lock for lock in situation.locks if lock.held and meets(lock, situation.intent)]
        others = [lock for lock in met if not _own(lock, situation)]
        if others:
            last = max(others, key=lambda lock: lock.until)
            whom = ", ".join(sorted({lock.owner.label for lock in others}))
            return Refused("lock", _text(last, situation), whom, last.until)
        if met:
            return Open("lock", f"You have the lock of {met[0].scope.label}, until {_end(met[0])}.")
        return Open("lock", "Nobody has locked it.")


def scopes_of(intent: Intent) -> tuple[Scope, ...]:
    """Return what `intent` changes, as scopes of locks."""
    return tuple(Scope(each, intent.app, intent.hosts) for each in intent.environments)


def meets(lock: Lock, intent: Intent) -> bool:
    """Return whether `lock` is of something that `intent` changes."""
    return any(lock.scope.overlaps(scope) for scope in scopes_of(intent))


def overtaken(intent: Intent, lock: Lock) -> str:
    """Return why what was asked for before `lock` is not sent after it."""
    return (
        f"{lock.owner.label} took the lock of {lock.scope.label} (“{lock.reason}”) after this was "
        f"asked for, and servers would not know it: ask for {intent.title or intent.command} anew."
    )


def _own(lock: Lock, situation: Situation) -> bool:
    return lock.owned_by(situation.asker, situation.asked.directory)


def _end(lock: Lock) -> str:
    return clock(lock.until)


def _text(lock: Lock, situation: Situation) -> str:
    text = (
        f"Locked: {lock.scope.label}, by {lock.owner.label}, until {_end(lock)}: “{lock.reason}”."
    )
    queue = queue_of(lock, situation.locks)
    own = next((at for at, one in enumerate(queue, 1) if _own(one, situation)), 0)
    if own:
        return f"{text} You are number {own} of {len(queue)} who wait for it."
    waits = f" {len(queue)} wait for it." if queue else ""
    return (
        f"{text}{waits} To wait for it: /lock {lock.scope.words} for 1h because …. Or ask "
        f"{lock.owner.label}."
    )
