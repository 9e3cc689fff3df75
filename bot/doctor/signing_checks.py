"""Checks of signatures: files of keys, and which agents insist on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from baton.agent.settings import AgentSettings
from baton.agent.trust.settings import Mode
from baton.bus.facts import Facts
from baton.bus.signing.private_key import PrivateKey, need_cryptography
from baton.bus.signing.public_key import PublicKey
from baton.errors import BatonError
from baton.outcome import named
from bot.doctor.check_result import CheckResult, fail, note, ok, warn
from bot.settings import SigningTable
from commands.servers import insisting, unaware

WHAT = "signing"


def own_keys(
    files: Iterable[Path | None], environ: Mapping[str, str]
) -> tuple[list[CheckResult], list[PublicKey]]:
    """Check the private keys in these files; return their public keys too."""
    found, keys = [], []
    for file in files:
        if file is None:
            continue
        try:
            keys.append(PrivateKey.load(file, environ).public)
        except BatonError as error:
            found.append(fail(WHAT, error))
        else:
            found.append(ok(WHAT, f"{file} is a key: {keys[-1].fingerprint}"))
    return found, keys


def of_agent(settings: AgentSettings, environ: Mapping[str, str]) -> list[CheckResult]:
    """Check what an agent makes of signatures."""
    table = settings.signing
    found, _ = own_keys([table.own], environ)
    if table.mode is not Mode.OFF or settings.allow.approve:
        try:
            need_cryptography()
        except BatonError as error:
            return [*found, fail(WHAT, error)]
    trusted = named([key.name or key.fingerprint for key in table.keys]) or "nobody"
    if table.mode is Mode.REQUIRE:
        return [*found, ok(WHAT, f"only orders signed by {trusted} are taken")]
    if table.mode is Mode.WARN:
        text = f"all orders are taken; those not signed by {trusted} are logged"
        fix = 'once none is logged any more, set [signing] mode = "require".'
        return [*found, note(WHAT, text, fix)]
    return found


def of_agents(
    table: SigningTable, keys: Sequence[PublicKey], agents: Iterable[Facts]
) -> list[CheckResult]:
    """Check whether `agents` trust the bot's `keys`, and insist on signatures."""
    heard = list(agents)
    found = []
    looking = [one for one in heard if one.signing is not None and one.signing.mode != "off"]
    if looking and not keys:
        names = named([one.host for one in looking], 3)
        text = f"{names} look at signatures, and this bot signs nothing"
        found.append(fail(WHAT, text, "make a key (baton key FILE) and set [signing] key."))
    for key in keys:
        lacking = unaware(looking, key.fingerprint)
        if lacking:
            fix = "add its line (baton key FILE --show) to [signing] keys of these agents."
            alone = len(keys) == 1 or all(_knows_none(one, keys) for one in looking)
            found.append((fail if alone else warn)(WHAT, lacking, fix))
    yet = insisting(heard)
    if yet:
        fix = 'set [signing] mode = "require" there, once /servers shows no doubts.'
        found.append(note(WHAT, yet, fix))
    elif looking:
        found.append(ok(WHAT, f"all of {len(heard)} insist on signatures"))
    for one in looking:
        if one.signing is not None and one.signing.doubted:
            text = f"{one.host} did not believe {one.signing.doubted}: {one.signing.last}"
            found.append(warn(WHAT, text, f"see the log of the agent of {one.host}."))
    unknown = sorted(table.agents.keys() - {one.host for one in heard}) if heard else []
    if unknown:
        text = f"[signing.agents] has keys of servers that did not respond: {named(unknown, 3)}"
        found.append(note(WHAT, text))
    return found


def of_passkeys(url: str, agents: Iterable[Facts]) -> list[CheckResult]:
    """Check whether `agents` that count passkeys count those that are used on the console at
    `url`."""
    elsewhere = sorted(
        (one.host, ", ".join(rule.origins))
        for one in agents
        for rule in one.approve
        if rule.origins and url not in rule.origins
    )
    if not elsewhere:
        return []
    hosts, pages = named(list(dict.fromkeys(host for host, _ in elsewhere)), 3), elsewhere[0][1]
    text = (
        f"passkeys of this console ({url or 'it has no url'}) do not count on {hosts}: {pages} do"
    )
    fix = "set [web] url to that address, or origins in [[allow.approve]] of these agents to this."
    return [warn(WHAT, text, fix)]


def _knows_none(agent: Facts, keys: Sequence[PublicKey]) -> bool:
    known = agent.signing.keys if agent.signing is not None else ()
    return not any(key.fingerprint in known for key in keys)
