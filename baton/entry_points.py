"""What other distributions add to Baton: the entry points of one group, loaded one by one.

Commands, rules of alerts and processors all come in through `look`. One that is broken is left out
and says why, so that another's extension never stops what is well beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

import structlog

from baton.errors import BatonError, ExtensionError
from baton.shadowing import OWN, other_distributions
from baton.version import DISTRIBUTION

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Standing(StrEnum):
    """Whether an extension is used. A `hidden` one is in order, but another one has its name."""

    LOADED = "loaded"
    BROKEN = "broken"
    HIDDEN = "hidden"


class ExtensionsLeftOut(BatonError):
    """With --strict nothing starts while an extension cannot be used. {reasons}. Repair or
    uninstall it, or start without --strict."""

    permanent = True


@dataclass(frozen=True, slots=True)
class Installed(Generic[T]):
    """One installed extension: `module` is where its object `thing` is, `reason` why it is not
    used."""

    kind: str
    name: str
    module: str
    distribution: str
    version: str
    standing: Standing
    thing: T | None = None
    reason: str = ""

    @property
    def origin(self) -> str:
        """Return the distribution that it came with, and its version."""
        return f"{self.distribution} {self.version}".strip() or "an unknown distribution"

    @property
    def complaint(self) -> str:
        """Return which extension is not used, and why."""
        return f"the {self.kind} {self.name} of {self.origin}: {self.reason}"


def look(
    kind: str, check: Callable[[str, object], T], name_of: Callable[[str, T], str]
) -> tuple[Installed[T], ...]:
    """Return each installed extension of this `kind` (`command`: the group `baton.commands`).

    `check` gets the name of the entry point and what is there; it returns it, or raises
    ExtensionError. `name_of` returns the name by which people call it. Of several with one name
    ours is used, and if none is ours, none: a stranger must not take over a name, and neither of
    two is chosen in silence.
    """
    points = sorted(entry_points(group=f"baton.{kind}s"), key=lambda point: point.name)
    found = [_loaded(kind, point, check, name_of) for point in points]
    return tuple(_hidden(one, found) for one in found)


def refuse_or_log(found: Iterable[Installed[Any]], *, strict: bool) -> None:
    """Log each extension of `found` that is not used. Raises ExtensionsLeftOut instead if it is
    `strict`."""
    left_out = [one for one in found if one.standing is not Standing.LOADED]
    if strict and left_out:
        raise ExtensionsLeftOut(reasons="; ".join(one.complaint for one in left_out))
    for one in left_out:
        log.error(
            "an extension is not loaded",
            kind=one.kind,
            extension=one.name,
            distribution=one.origin,
            reason=one.reason,
        )


def reasons(found: Iterable[Installed[Any]]) -> dict[str, str]:
    """Return why each that is not used is not, by the name that people know it by."""
    said: dict[str, list[str]] = {}
    for one in found:
        if one.standing is not Standing.LOADED and one.reason not in said.get(one.name, ()):
            said.setdefault(one.name, []).append(one.reason)
    return {name: "; ".join(texts) for name, texts in said.items()}


def _loaded(
    kind: str,
    point: EntryPoint,
    check: Callable[[str, object], T],
    name_of: Callable[[str, T], str],
) -> Installed[T]:
    try:
        thing = check(point.name, _object(point))
        name, standing, reason = name_of(point.name, thing), Standing.LOADED, ""
    except ExtensionError as error:
        thing, name, standing = None, point.name, Standing.BROKEN
        reason = str(error.facts["reason"])
    version = point.dist.version if point.dist is not None else ""
    return Installed(
        kind, name, point.value, _distribution(point), version, standing, thing, reason
    )


def _object(point: EntryPoint) -> object:
    """Return what the entry point names. Raises ExtensionError."""
    top_level, distribution = _top_level(point.value), _distribution(point)
    ours = distribution in ("", DISTRIBUTION)
    if top_level in OWN and not ours:
        raise ExtensionError(
            name=point.name,
            reason=f"{point.value} of {distribution} is in a package `{top_level}`, which is the"
            " name of one of Baton's own: it must be renamed there",
        )
    try:
        return point.load()
    except (
        Exception,
        SystemExit,
    ) as error:  # it is somebody else's code: whatever goes wrong, say whose
        reason = f"{point.value} does not load ({type(error).__name__}: {error})"
        if others := other_distributions(top_level) if top_level in OWN else []:
            names = ", ".join(others)
            reason += f": {names} installs a package `{top_level}` over it: uninstall {names}, and"
            reason += " install Baton again"
        raise ExtensionError(name=point.name, reason=reason) from error


def _hidden(one: Installed[T], all_found: Sequence[Installed[T]]) -> Installed[T]:
    """Return `one`, hidden if another one has its name and is used instead, or none of them is."""
    same = [
        other for other in all_found if other.name == one.name and other.standing is Standing.LOADED
    ]
    if one.standing is not Standing.LOADED or len(same) == 1:
        return one
    ours = [other for other in same if _is_ours(other)]
    if len(ours) == 1 and one is ours[0]:
        return one
    owners = " and ".join(f"{other.origin} ({other.module})" for other in same)
    used = "Baton's own is used" if len(ours) == 1 else "none of them is used: uninstall one"
    reason = f"{owners} have a {one.kind} {one.name} each; {used}"
    return replace(one, standing=Standing.HIDDEN, reason=reason)


def _is_ours(one: Installed[T]) -> bool:
    return _top_level(one.module) in OWN and one.distribution in ("", DISTRIBUTION)


def _top_level(value: str) -> str:
    return value.partition(":")[0].partition(".")[0]


def _distribution(point: EntryPoint) -> str:
    """Return the name of the distribution that the entry point came with; empty if it is not
    known."""
    return point.dist.name if point.dist is not None else ""
