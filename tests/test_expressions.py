"""Our own regular expressions take linear time, whatever they are given.

Those of people run on RE2 (tests/alerts/labels/test_regex.py), and pydantic's on Rust's engine:
both are linear by design. Python's is not, so each expression in the source is found and attacked
here.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from alerts.labels.matchers import MAX_EXCERPT
from tests.support.quick import INPUT, grows_with_its_input, least_seconds_of

# parts of the standard library that it does not promise
opcodes: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")

ROOT = Path(__file__).parent.parent
SOURCES = [
    path
    for package in ("baton", "commands", "alerts", "bot")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "migrations" not in path.parts
]
TEXTS = {path: path.read_text() for path in SOURCES}
METHODS = ("match", "fullmatch", "search", "findall", "finditer", "sub", "subn", "split")
USED = re.compile(rf"\bre\s*\.\s*({'|'.join(('compile', *METHODS))})\b")
"""What each module has in which one is applied: to parse all of them takes each process seconds."""
TIMES = (1_000, 4_000)
"""Repetitions of what is repeated."""
NOISE = 0.005
"""Seconds that are too few to be compared."""
LIMITS = {
    "alerts/labels/matchers.py _FIRST": 2 * MAX_EXCERPT,
}
"""Characters at most that come to those which are given the beginning of a text alone."""
_LITERALS = (opcodes.LITERAL, opcodes.NOT_LITERAL)
SPOILERS = ("", "\0", "!")


class Use(NamedTuple):
    """An expression, and how the source applies it."""

    where: str
    pattern: re.Pattern[str]
    methods: tuple[str, ...]
    most: int


def _uses() -> Iterator[Use]:
    for path, text in TEXTS.items():
        if not USED.search(text):
            continue
        tree = ast.parse(text)
        held = {
            id(node.value): node.targets[0].id
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for call in ast.walk(tree):
            method = _method_of("re", call)
            if method not in ("compile", *METHODS):
                continue
            assert isinstance(call, ast.Call)
            name = held.get(id(call), "")
            file = str(path.relative_to(ROOT))
            methods = (
                _applied(path, name) if name else (method,) if method != "compile" else METHODS
            )
            most = LIMITS.get(f"{file} {name}", 1_000_000)
            yield Use(f"{file} {name or call.lineno}", _compiled(path, call), methods, most)


def _method_of(name: str, node: ast.AST) -> str:
    """The method of `name` that is called at `node`, if any is."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == name
    ):
        return node.func.attr
    return ""


def _applied(path: Path, name: str) -> tuple[str, ...]:
    """The methods of the expression `name` of the module at `path` that are called, there or where
    it is imported."""
    texts = [TEXTS[path]] if name.startswith("_") else list(TEXTS.values())
    return tuple(
        method for method in METHODS if any(f"{name}.{method}" in text for text in texts)
    ) or ("fullmatch",)


def _compiled(path: Path, call: ast.Call) -> re.Pattern[str]:
    """The expression, as the module makes it; what is known only when it runs is a word."""
    module = importlib.import_module(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    )
    flags = [
        node.attr
        for node in ast.walk(call)
        if isinstance(node, ast.Attribute) and node.attr.isupper()
    ]

    names: dict[str, Any] = {"us": SimpleNamespace(user="U0BATON"), "map": map}
    for node in ast.walk(call):
        if isinstance(node, ast.Name):
            names.setdefault(node.id, "deploy|ping")
    expression = compile(ast.Expression(call.args[0]), str(path), "eval")
    pattern = eval(expression, names | vars(module))  # our own source
    return re.compile(pattern, sum(getattr(re, flag) for flag in flags))


def _samples(items: Any) -> Iterator[tuple[str, str]]:
    """For each repetition in a parsed expression: text that leads to it, and text of its body."""
    head = ""
    for operation, argument in items:
        if operation in (opcodes.MAX_REPEAT, opcodes.MIN_REPEAT):
            _, most, inner = argument
            if most == opcodes.MAXREPEAT or most > 20:
                for body in {_text(inner, turn) for turn in range(3)} - {""}:
                    yield head, body
            for before, body in _samples(inner):
                yield head + before, body
        elif operation is opcodes.SUBPATTERN:
            for before, body in _samples(argument[3]):
                yield head + before, body
        elif operation is opcodes.BRANCH:
            for branch in argument[1]:
                for before, body in _samples(branch):
                    yield head + before, body
        head += _text([(operation, argument)], 0)


def _text(items: Any, turn: int) -> str:
    """A short text that the parsed expression takes, more or less; others at other turns."""
    text = ""
    for operation, argument in items:
        if operation in (opcodes.LITERAL, opcodes.NOT_LITERAL):
            text += chr(argument) if operation is opcodes.LITERAL else "a"
        elif operation is opcodes.ANY:
            text += "ab -"[turn % 4]
        elif operation is opcodes.IN:
            text += _of_set(argument, turn)
        elif operation in (opcodes.MAX_REPEAT, opcodes.MIN_REPEAT):
            text += _text(argument[2], turn) * max(argument[0], 1 if turn % 2 == 0 else 0)
        elif operation is opcodes.SUBPATTERN:
            text += _text(argument[3], turn)
        elif operation is opcodes.BRANCH:
            text += _text(argument[1][turn % len(argument[1])], turn)
    return text


def _of_set(members: Any, turn: int) -> str:
    """A character of a set."""
    candidates = [*"a0 A_-./:\"'\\b", "\x1b", *map(chr, range(33, 127)), "\n", "é"]
    expression = re.compile(_set_of(members))
    fitting = [each for each in candidates if expression.fullmatch(each)]
    return fitting[turn % len(fitting)] if fitting else ""


def _set_of(members: Any) -> str:
    inner = ""
    for operation, argument in members:
        if operation is opcodes.NEGATE:
            inner += "^"
        elif operation is opcodes.LITERAL:
            inner += re.escape(chr(argument))
        elif operation is opcodes.RANGE:
            inner += "-".join(re.escape(chr(end)) for end in argument)
        else:
            inner += {
                opcodes.CATEGORY_SPACE: r"\s",
                opcodes.CATEGORY_NOT_SPACE: r"\S",
                opcodes.CATEGORY_WORD: r"\w",
                opcodes.CATEGORY_NOT_WORD: r"\W",
                opcodes.CATEGORY_DIGIT: r"\d",
                opcodes.CATEGORY_NOT_DIGIT: r"\D",
            }[argument]
    return f"[{inner}]"


def _attacks(pattern: re.Pattern[str]) -> set[tuple[str, str, str]]:
    """What is said once, what is repeated, and what ends it."""
    parsed = parser.parse(pattern.pattern, pattern.flags)
    pairs = set(_samples(parsed))
    wholes = {_text(parsed, turn) for turn in range(3)}
    pumps = {body for _, body in pairs} | wholes
    made = {(head, body) for head, body in pairs}
    made |= {("", head + body) for head, body in pairs} | {("", head) for head, _ in pairs}
    made |= {("", pump) for pump in pumps} | {("", " "), ("", "a"), ("", "a ")}
    made |= {(head, head + body) for head, body in pairs}
    alphabet = sorted({chr(one) for one in _literals(parsed)} | {"a", " "})[:10]
    return {(head, pump, end) for head, pump in made if pump for end in SPOILERS} | {
        ("", one + other, "") for one in alphabet for other in alphabet
    }


def _literals(items: Any) -> Iterator[int]:
    """The characters that a parsed expression names."""
    for item in items:
        if isinstance(item, tuple) and len(item) == 2 and item[0] in _LITERALS:
            yield item[1]
        elif isinstance(item, tuple | list | parser.SubPattern):
            yield from _literals(item)


def _apply(pattern: re.Pattern[Any], method: str, text: str) -> None:
    given: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    if method in ("sub", "subn"):
        getattr(pattern, method)(given[:0], given)
    elif method == "finditer":
        for _ in pattern.finditer(given):
            pass
    else:
        getattr(pattern, method)(given)


def slow(pattern: re.Pattern[str], methods: tuple[str, ...], most: int = 1_000_000) -> str:
    """What takes this expression more than linear time, or too long; empty if nothing does."""
    for head, pump, end in sorted(_attacks(pattern)):
        for method in methods:

            def work(
                times: int, head: str = head, pump: str = pump, end: str = end, by: str = method
            ) -> None:
                _apply(pattern, by, (head + pump * times + end)[:most])

            if found := _too_long(work):
                return f"{method}({head!r} + {pump!r} * n + {end!r}): {found}"
    return ""


def _too_long(work: Callable[[int], object]) -> str:
    """Why what is done with so many repetitions takes too long; empty if it does not."""
    few, many = TIMES
    # short ones first: what takes exponential time would never end
    for times in (12, 20, 250, few):
        took = least_seconds_of(partial(work, times), enough=INPUT / 10)
        if took >= INPUT / 10:
            return f"{took:.3f} s for {times}"
    took = least_seconds_of(partial(work, many), enough=INPUT / 2)
    if took >= INPUT / 2:
        return f"{took:.3f} s for {many}"
    if took < NOISE:
        return ""
    long = grows_with_its_input(work, few, many, most=8)
    return f"{long:.3f} s for {many}" if long else ""


@pytest.mark.parametrize("use", list(_uses()), ids=lambda use: use.where)
def test_no_expression_of_ours_is_slow(use: Use) -> None:
    """Four times the text takes about four times the time, and never long."""
    assert not slow(use.pattern, use.methods, use.most)


@pytest.mark.parametrize(
    "text",
    [r"(a+)+$", r"(?:[0-9]+[a-z]*)+", r"\s+x", r"://[^ ]*@", r"(a|a)*b", r"(\w+\s?)*$", "a*a*b"],
)
def test_the_attack_finds_what_is_slow(text: str) -> None:
    """Such as these are found."""
    assert slow(re.compile(text), ("search", "fullmatch"))
