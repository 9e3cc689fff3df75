"""What jsonpickle wrote is read as jsonpickle reads it, without doing anything that it says."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonpickle
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from baton.bus.bounds import MAX_MESSAGE
from baton.errors import InvalidMessage
from baton.worker.pybit.build_request import BuildRequest, decode
from baton.worker.pybit.graph import Thing, class_of, fields_of, plain, read
from tests.support.quick import quickly

RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text())
"""What these versions of jsonpickle wrote for one build request, one that holds some of its objects
twice, and one order to cancel. Those before 3 ran under Python 2.7."""


class Red:
    pass


class Blue:
    pass


CLASSES = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in (Red, Blue)}
NAMES = st.sampled_from(["id", "name", "a", "b", "zz", "suite_x", "Ä"])
PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([Red, Blue, list, dict, tuple]),
        st.dictionaries(NAMES, st.tuples(PLAIN, st.integers(0, 40)), max_size=5),
    ),
    min_size=1,
    max_size=14,
)


def built(steps: list[tuple[type, dict[str, tuple[Any, int]]]]) -> Any:
    """A graph: each step makes an object of values and of objects that earlier steps made."""
    made: list[Any] = []
    for kind, fields in steps:
        values = {
            name: made[at % len(made)] if made and at < 30 else value
            for name, (value, at) in fields.items()
        }
        if kind in (list, tuple):
            made.append(kind(values.values()))
        elif kind is dict:
            made.append(values)
        else:
            thing = kind()
            thing.__dict__.update(values)
            made.append(thing)
    return made[-1]


def same(ours: Any, theirs: Any, met: dict[int, int]) -> bool:
    """Whether both are equal, and the same objects are shared in both."""
    if isinstance(theirs, (Red, Blue, list, dict)):
        if id(theirs) in met:
            return met[id(theirs)] == id(ours)
        met[id(theirs)] = id(ours)
    if isinstance(theirs, (Red, Blue)):
        if not isinstance(ours, Thing) or CLASSES[class_of(ours)] is not type(theirs):
            return False
        return same_fields(fields_of(ours), vars(theirs), met)
    if isinstance(theirs, dict):
        return isinstance(ours, Mapping) and same_fields(ours, theirs, met)
    if isinstance(theirs, (list, tuple)):
        return (
            isinstance(ours, tuple)
            and len(ours) == len(theirs)
            and all(same(one, other, met) for one, other in zip(ours, theirs, strict=True))
        )
    return type(ours) is type(theirs) and bool(ours == theirs)


def same_fields(ours: Mapping[str, Any], theirs: Mapping[str, Any], met: dict[int, int]) -> bool:
    return list(ours) == list(theirs) and all(same(ours[n], theirs[n], met) for n in ours)


@given(STEPS)
@settings(max_examples=150 if settings().max_examples < 1000 else 10_000)
@example([(Red, {}), (Blue, {"a": (None, 0), "b": (None, 0), "id": (7, 40)})])
@example(
    [(list, {}), (dict, {"a": (None, 0)}), (Red, {"a": (None, 0), "b": (None, 1), "id": (0, 0)})]
)
def test_a_graph_is_read_as_jsonpickle_reads_it(
    steps: list[tuple[type, dict[str, tuple[Any, int]]]],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        text = jsonpickle.encode(built(steps))
        theirs = jsonpickle.decode(text, classes=CLASSES)
    try:
        ours = read(text.encode())
    except InvalidMessage as error:
        # fourteen steps can make billions of values, if each is counted wherever it is
        assume("5000 that are read" not in str(error))
        raise
    assert same(ours, theirs, {})


@pytest.mark.parametrize("version", RECORDED)
def test_a_reference_means_what_the_version_meant_that_wrote_it(version: str) -> None:
    """jsonpickle of PyBit's time counts other objects, by the names of the fields: read as today's,
    the package would be the suite."""
    once, twice = (decode(RECORDED[version][name].encode()) for name in ("plain", "shared"))
    assert isinstance(once, BuildRequest)
    assert isinstance(twice, BuildRequest)
    assert once.plain()["job"] == twice.plain()["job"]
    assert (twice.get_package(), twice.get_suite(), twice.get_arch()) == ("shop", "latex", "any")
    assert twice.suite is twice.job.packageinstance.suite
    assert twice.after is twice.job.packageinstance.package
    assert twice.again is twice.job.packageinstance.format
    assert twice.zz is twice.transport


TARGETS = ["os.system", "subprocess.Popen", "builtins.eval", "posix.system", "shutil.rmtree"]
CALLS = [
    *({tag: target} for tag in ("py/function", "py/type", "py/mod") for target in TARGETS),
    *({"py/repr": f"os/{target}('id')"} for target in TARGETS),
    *({"py/reduce": [{"py/type": target}, {"py/tuple": ["id"]}]} for target in TARGETS),
    *({"py/reduce": [{"py/function": target}, ["id"], None, None, None]} for target in TARGETS),
    *({"py/object": target, "py/newargs": ["id"]} for target in TARGETS),
    *({"py/object": target, "py/newargsex": [["id"], {}]} for target in TARGETS),
    *({"py/object": target, "py/initargs": ["id"]} for target in TARGETS),
    *({"py/object": target, "py/state": {"command": "id"}} for target in TARGETS),
    *({"py/object": target, "py/seq": ["id"]} for target in TARGETS),
    {"py/set": ["a"]},
    {"py/b64": "AAAA"},
    {"py/b85": "AAAA"},
    {"py/bytes": "AAAA"},
    {"py/iterator": ["a"]},
    {"py/property": "a"},
    {"py/newobj": "a"},
    {"py/ref": "/job"},
    {"py/nothing": 1},
]
PLACES: list[Callable[[Any], Any]] = [
    lambda call: call,
    lambda call: {"py/object": "pybit.models.BuildRequest", "job": call},
    lambda call: {"py/object": "pybit.models.BuildRequest", "job": {"id": 1, "x": [[call]]}},
    lambda call: [{"py/object": "os.system", "default_factory": call}, {"py/id": 1}],
]
MALICIOUS = [json.dumps(place(call)) for call in CALLS for place in PLACES]

HARMLESS = [
    '{"py/object": "os.system", "command": "id"}',
    '{"py/object": "subprocess.Popen", "args": ["touch", "/tmp/x"], "shell": true}',
    '{"py/object": "pybit.models.BuildRequest", "__class__": "x", "__reduce__": ["os.system"]}',
    '{"json://{\\"py/function\\": \\"os.system\\"}": 1}',
]
"""What names a class or a method and is read as a text."""

WATCHED = """
import json, sys
from baton.bus.bounds import MAX_MESSAGE
from baton.errors import InvalidMessage
from baton.worker.pybit.build_request import decode
from baton.worker.pybit.graph import plain, read
texts = json.load(sys.stdin)
def attempt(text):
    try:
        plain(read(text.encode()))
        decode(text.encode()).plain()
    except InvalidMessage as error:
        return str(error)
for text in ('{"py/type": "x"}', '{"py/object": "a.B", "a": [{"py/id": 7}]}', '[}'):
    attempt(text)  # what is imported once is imported now
events = []
on = False
sys.addaudithook(lambda event, args: on and events.append([event, repr(args)[:200]]))
on = True
answers = [attempt(text) for text in texts]
on = False
print(json.dumps([answers, events]))
"""


def test_nothing_that_a_message_names_is_imported_or_called() -> None:
    """Python itself tells: no event of its audit (import, exec, open, a process) while 200 and more
    messages are read that jsonpickle would act on."""
    assert len(MALICIOUS) >= 200
    done = subprocess.run(
        [sys.executable, "-c", WATCHED],
        input=json.dumps(MALICIOUS + HARMLESS),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers, events = json.loads(done.stdout)
    assert events == []
    assert [text for text, answer in zip(MALICIOUS, answers, strict=False) if not answer] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"py/object": "A", "x": {"py/reduce": []}}', "x holds py/reduce, which is never read"),
        ('{"py/object": 7}', "it names no class"),
        ('{"py/object": "a b"}', "it names no class"),
        ('{"py/object": "A", "x": [{"py/object": "a b"}]}', "x.0 names no class"),
        ('{"py/object": "A", "x": [{"y": 1, "py/type": "b"}]}', "x.0 holds py/type"),
        ('{"py/object": "A", "py/id": 0}', "it holds py/id"),
        ('[{"py/id": "0"}]', "0 is no reference"),
        ('[{"py/id": true}]', "0 is no reference"),
        ('[[], {"py/id": 9}]', "1 refers to an object that has not been met"),
        ('[[], {"py/id": -1}]', "1 refers to an object that has not been met"),
        ('{"py/object": "A", "me": {"py/id": 0}}', "me refers to what it is a part of"),
        ('{"py/tuple": 3}', "it is no tuple"),
        ('{"py/tuple": [], "x": 1}', "it is no tuple"),
        ('{"a": 1', "it is not JSON"),
        ('{"a": NaN}', "it is not JSON"),
        ("", "it is not JSON"),
        ("[" * 60 + "]" * 60, "more than 50 levels deep"),
        ("[" * 5000, "it is not JSON"),
        (
            '{"py/object": "pybit.models.BuildRequest", "suite": {"py/object": "x.Suite"},'
            ' "arch": {"py/id": 1}}',
            "arch refers to no Arch",
        ),
    ],
)
def test_what_is_no_graph_is_refused_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(InvalidMessage) as error:
        read(text.encode())
    assert reason in str(error.value)


def test_a_reference_to_references_does_not_grow_without_end() -> None:
    """Forty lines that double what is before them would be 2^40 values."""
    doubling = [[{"py/id": at}] * 2 for at in range(1, 40)]
    doubling.insert(0, [])
    text = json.dumps(doubling).encode()
    with pytest.raises(InvalidMessage):
        plain(read(text))
    quickly(lambda: plain(read(text)), InvalidMessage)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"x" * 60_000: [[1]] * 10_000}),
        json.dumps([{"py/object": "A"}] * 5_000),
        json.dumps([[]] + [{"py/id": 1}] * 1_999),
        json.dumps({str(at): at for at in range(9_000)}),
        json.dumps([{"py/object": "A", "suite": {"py/id": 1}}] * 1_900),
        "[" + "[]," * 43_000 + "[]]",
    ],
)
def test_a_message_as_large_as_it_may_be_is_read_or_refused_quickly(text: str) -> None:
    assert len(text) < MAX_MESSAGE
    quickly(lambda: read(text.encode()), InvalidMessage)


def test_more_than_may_be_is_refused() -> None:
    for text, reason in [
        ('"' + "x" * MAX_MESSAGE + '"', "at most 131072 are read"),
        (json.dumps([[]] + [{"py/id": 1}] * 2_001), "it has 2001 references"),
    ]:
        with pytest.raises(InvalidMessage) as error:
            read(text.encode())
        assert reason in str(error.value)


def test_what_was_read_cannot_be_changed() -> None:
    thing = read(b'{"py/object": "a.B", "x": {"y": [1]}, "__class__": "c"}')
    with pytest.raises(AttributeError):
        thing.x = 1
    with pytest.raises(AttributeError):
        del thing.x
    with pytest.raises(TypeError):
        thing.x["y"] = 2
    assert thing.x["y"] == (1,)
    assert type(thing) is Thing
    with pytest.raises(AttributeError, match=r"this a\.B has no field z"):
        _ = thing.z
