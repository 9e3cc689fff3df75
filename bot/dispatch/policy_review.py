"""Compares the rules with what there is: a rule that names nothing that exists protects nothing and
lets nobody in. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from baton.bus.facts import Facts
from baton.outcome import named
from baton.text.words import did_you_mean
from bot.dispatch.policy import EVERYBODY, Policy, is_user


@dataclass(frozen=True, slots=True)
class Scene:
    """The installed and known things that rules may name: the `commands` that are installed; the
    apps in each of the `environments` that servers are known in; and the ids and handles of all
    `groups`, None if they are not known."""

    commands: Collection[str]
    environments: Mapping[str, Collection[str]]
    groups: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said about the rules. `wrong`: they do not do what they seem to."""

    text: str
    fix: str = ""
    wrong: bool = True


def by_environment(facts: Iterable[Facts]) -> dict[str, set[str]]:
    """Return the apps in each environment."""
    found: dict[str, set[str]] = {}
    for one in facts:
        found.setdefault(one.environment, set()).update(one.apps)
    return found


def review(policy: Policy, scene: Scene) -> list[Remark]:
    """Return what is to be said about the rules of `policy`, with what is wrong first. Environments
    and apps are compared only if any server is known."""
    found = [*_tables(policy, scene), *_rules(policy, scene), *_environments(policy, scene)]
    return sorted(found, key=lambda remark: not remark.wrong)


def _tables(policy: Policy, scene: Scene) -> Iterator[Remark]:
    for name in policy.environments if scene.environments else ():
        if name not in scene.environments:
            yield Remark(
                f"[environments.{name}]: no server is in it (there are: {_list(scene)})"
                f".{did_you_mean(name, scene.environments)}",
                "correct its name, or remove it.",
            )


def _rules(policy: Policy, scene: Scene) -> Iterator[Remark]:
    apps = {app for some in scene.environments.values() for app in some}
    for number, rule in enumerate(policy.rules, 1):
        at = f"[[allow]] rule {number}"
        for pattern in _unmatched(rule.commands, scene.commands):
            hint = did_you_mean(pattern, scene.commands)
            yield Remark(f"{at}: unknown command {pattern}.{hint}", "correct it in baton.toml.")
        if scene.environments:
            for pattern in _unmatched(rule.environments, scene.environments):
                yield Remark(
                    f"{at}: no server is in environment {pattern} (there are: {_list(scene)})"
                    f".{did_you_mean(pattern, scene.environments)}",
                    "correct it in baton.toml.",
                )
            for pattern in _unmatched(rule.apps, apps):
                hint = did_you_mean(pattern, apps)
                yield Remark(f"{at}: no server runs app {pattern}.{hint}", "correct it.")
        if scene.groups is not None:
            for who in rule.who:
                if who != EVERYBODY and not is_user(who) and who not in scene.groups:
                    hint = did_you_mean(who, scene.groups)
                    yield Remark(
                        f"{at}: user group @{who} is not found in Slack.{hint}",
                        "correct it, or create the group.",
                    )


def _environments(policy: Policy, scene: Scene) -> Iterator[Remark]:
    for name in sorted({*scene.environments, *policy.environments}):
        table = policy.environments.get(name)
        if table is not None and table.open:
            yield Remark(f"{name} is open: every member may change it (open = true)", wrong=False)
        elif name in scene.environments and not _ruled(policy, name):
            yield Remark(
                f"{name} is closed: no rule names it, so nobody may change its servers",
                f"add an [[allow]] rule for it, or open = true under [environments.{name}].",
            )
    everybody = [
        str(number)
        for number, rule in enumerate(policy.rules, 1)
        if EVERYBODY in rule.who and EVERYBODY in rule.commands
    ]
    for number in everybody:
        yield Remark(f"rule {number} lets every member use every command", wrong=False)


def _ruled(policy: Policy, environment: str) -> bool:
    return any(
        fnmatchcase(environment, pattern) for rule in policy.rules for pattern in rule.environments
    )


def _unmatched(patterns: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the patterns that nothing known matches."""
    return [
        pattern
        for pattern in patterns
        if pattern != EVERYBODY and not any(fnmatchcase(name, pattern) for name in known)
    ]


def _list(scene: Scene) -> str:
    return named(sorted(scene.environments))
