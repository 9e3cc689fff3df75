"""rbit's settings file is read as rbit read it.

`ini/recorded.json` is what rbit itself made of each of these files, under Python 2.7.18.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from baton.worker.config.ini import Ini, parse, queue_mappings

FOLDER = Path(__file__).parent / "ini"
RECORDED: dict[str, Any] = json.loads((FOLDER / "recorded.json").read_text())
READ = sorted(name for name, made in RECORDED.items() if "error" not in made)
REFUSED = sorted(name for name, made in RECORDED.items() if "error" in made)


def runners(ini: Ini) -> dict[str, dict[str, str]]:
    return {
        name.removeprefix("runner:"): values(ini, name)
        for name in ini.sections
        if name.startswith("runner:")
    }


def values(ini: Ini, section: str) -> dict[str, str]:
    return {name: option.value for name, option in ini.options(section).items()}


@pytest.mark.parametrize("name", READ)
def test_a_file_means_what_it_meant_to_rbit(name: str) -> None:
    made = RECORDED[name]
    ini = parse((FOLDER / name).read_bytes())
    assert ini.faults == ()
    assert runners(ini) == made["runners"]
    assert values(ini, "amqp") == made["amqp"]
    pairs = queue_mappings(ini.options("rbit")["queue-mappings"])
    # a line that somebody commented out was a queue to rbit
    wanted = {queue: to for queue, to in made["queues"].items() if not queue.startswith("#")}
    assert {queue: runner for queue, runner, _ in pairs if runner} == wanted


@pytest.mark.parametrize("name", [name for name in REFUSED if RECORDED[name]["lines"]])
def test_a_line_that_rbit_could_not_read_is_named(name: str) -> None:
    faults = parse((FOLDER / name).read_bytes()).faults
    assert [fault.line for fault in faults] == RECORDED[name]["lines"]


def test_texts_that_a_machine_made_up_mean_what_they_mean_to_python_2() -> None:
    """Of each the sections with their options, or the lines that Python 2.7.18 could not read."""
    texts = json.loads((FOLDER / "random.json").read_text())
    assert len(texts) == 400
    for text, made in texts:
        ini = parse(text.encode())
        if isinstance(made, list):
            assert [fault.line for fault in ini.faults] == made, text
        else:
            assert {name: values(ini, name) for name in ini.sections} == made, text
            assert ini.faults == (), text


def test_thirty_files_were_recorded_and_each_is_in_a_test() -> None:
    assert {path.name for path in FOLDER.glob("*.ini")} == set(RECORDED)
    assert len(RECORDED) >= 30
    assert REFUSED == [
        "26-mappings-with-blanks.ini",  # its README allows them, its code does not
        "27-no-rbit-section.ini",
        "28-no-section-first.ini",
        "29-lines-that-are-nothing.ini",
        "31-continuation-first.ini",
        "32-empty-section-header.ini",
        "34-three-parts.ini",
    ]


def mapped(text: str) -> list[tuple[str, str, int]]:
    ini = parse(b"[rbit]\nqueue-mappings = " + text.encode())
    return list(queue_mappings(ini.sections["rbit"].options["queue-mappings"]))


def test_mappings_may_have_blanks_between_as_rbits_readme_says() -> None:
    ini = parse((FOLDER / "26-mappings-with-blanks.ini").read_bytes())
    option = ini.options("rbit")["queue-mappings"]
    assert list(queue_mappings(option)) == [("q1", "hello", 3), ("q2", "hello", 3)]
    assert mapped("a:b\n  c : d e:f") == [("a", "b", 2), ("c", "d", 3), ("e", "f", 3)]


def test_what_is_no_mapping_has_no_runner() -> None:
    assert mapped("nothing :b a:b:c") == [("nothing", "b", 2), ("a:b:c", "", 2)]
    assert mapped("nothing") == [("nothing", "", 2)]


def test_each_option_has_its_line_and_each_part_of_a_value_too() -> None:
    ini = parse(b"[DEFAULT]\na = 1\n\n[x]\n; no\nb = 2\n   3\n\n   4\nb = 5\n[y]\n[x]\nc: 6\n")
    assert ini.options("x")["a"].line == 2
    assert (ini.options("x")["b"].value, ini.options("x")["b"].lines) == ("5", (10,))
    assert (ini.sections["x"].line, ini.options("x")["c"].line) == (4, 13)
    assert parse(b"[x]\nb = 2\n   3\n\n   4\n").options("x")["b"].lines == (2, 3, 5)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xef\xbb\xbf[rbit]\n", "it begins with a byte order mark"),
        (b"[rbit]\nname = J\xe9rome\n", "it is not UTF-8"),
        (b"[r\xe9]\n", "it is not UTF-8"),
    ],
)
def test_what_is_no_text_of_ours_is_a_fault(data: bytes, problem: str) -> None:
    assert [fault.problem for fault in parse(data).faults] == [problem]
