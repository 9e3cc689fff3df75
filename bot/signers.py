"""Whose signatures the servers of a job count themselves before it starts there. Pure.

A bot that starts what a server would refuse helps nobody, so it counts as they do, and says from
the beginning what they want. They do not rely on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from baton.bus.facts import Facts
from baton.bus.signing.approval import Approval, counts_at
from baton.outcome import named

SHOWN = 3
"""Servers, and names of people, that a sentence has."""


class Signers(BaseModel):
    """The servers `hosts` count `need` signatures with the keys in `of`, names by fingerprint, and
    those of passkeys on the pages `origins`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    hosts: tuple[str, ...]
    need: int
    of: Mapping[str, str]
    origins: tuple[str, ...] = ()

    def signed(self, signatures: Iterable[Approval]) -> list[str]:
        """Return which of its keys have signed, each once."""
        pages = self.origins
        given = (one for one in signatures if not one.passkey or one.passkey.origin in pages)
        return sorted({one.key for one in given} & self.of.keys())

    def complete(self, signatures: Iterable[Approval]) -> bool:
        """Return whether enough of its keys have signed."""
        return len(self.signed(signatures)) >= self.need

    def words(self, signatures: Iterable[Approval] = ()) -> str:
        """Return how far it is: `signed approvals 1 of 2, which web-1 counts (bea and cem may; bea
        has)`."""
        found = self.signed(signatures)
        count = "counts" if len(self.hosts) == 1 else "count"
        has = f"; {self.names(found)} {'has' if len(found) == 1 else 'have'}" if found else ""
        return (
            f"signed approvals {len(found)} of {self.need}, which {named(self.hosts, SHOWN)}"
            f" {count} ({self.names(self.of)} may{has})"
        )

    def names(self, keys: Iterable[str]) -> str:
        """Return what these of its keys are called."""
        return named(sorted(self.of[key] or key for key in keys), SHOWN)


def how(signers: Iterable[Signers]) -> str:
    """Return how one signs for `signers`."""
    passkey = ", or with a passkey on its page" if any(one.origins for one in signers) else ""
    return f"approve with: baton approve JOB --sign{passkey}"


def uncounted(signers: Sequence[Signers], given: Approval) -> str:
    """Return why no server counts `given`, as a sentence; empty if one does, or none counts any."""
    if not signers or any(one.signed([given]) for one in signers):
        return ""
    if given.passkey is not None and any(given.key in one.of for one in signers):
        where = given.passkey.origin
        return (
            f"No server of it counts a passkey that is used on {where}: see `origins` in its file."
        )
    return (
        f"No server of it counts the key {given.key}: its line must be in `of` of [[allow.approve]]"
        " in their files."
    )


def signers_of(servers: Iterable[Facts], command: str, app: str | None) -> tuple[Signers, ...]:
    """Return whose signatures `servers` count for `command`."""
    same: dict[tuple[int, tuple[tuple[str, str], ...], tuple[str, ...]], list[str]] = {}
    for facts in sorted(servers, key=lambda facts: facts.host):
        for rule in facts.approve:
            if rule.asks(command, app):
                key = rule.need, tuple(sorted(rule.of.items())), rule.origins
                same.setdefault(key, []).append(facts.host)
    return tuple(
        Signers(hosts=tuple(dict.fromkeys(found)), need=need, of=dict(of), origins=origins)
        for (need, of, origins), found in same.items()
    )


def unsigned(
    signers: Sequence[Signers], signatures: Sequence[Approval], at: datetime | None = None
) -> str:
    """Return what is missing at `signers`, in words; empty if nothing is. With `at`, signatures
    that are too old at that time do not count, as at a server."""
    fresh = [one for one in signatures if at is None or counts_at(one, at)]
    lacking = [each.words(fresh) for each in signers if not each.complete(fresh)]
    if not lacking:
        return ""
    old = " (those of more than 24 hours ago do not count)" if len(fresh) < len(signatures) else ""
    return f"{'; '.join(lacking)}{old}: {how(signers)}"
