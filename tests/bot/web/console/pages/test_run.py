"""Forms of commands: they equal what one would type in chat, and the other way round."""

from __future__ import annotations

import re
from html import unescape
from typing import Any, ClassVar, Self

import pytest
from pydantic import model_validator

from baton.bus.messages import Heartbeat
from baton.command import Command
from baton.consumer import Extension
from baton.extensions import Commands
from baton.fields import Name
from bot.app.dispatching import commands_of
from bot.dispatch.command_form import filled_from, words_from
from bot.dispatch.policy import EnvironmentTable, Policy
from tests.bot.web.console.conftest import HOSTS, Console, OpenConsole
from tests.bot.worker import runner, worker_facts
from tests.bot.world import COMMANDS

HTML = {"Accept": "text/html"}


async def test_the_commands_are_offered_by_what_they_do(console: Console) -> None:
    """Those that change servers first."""
    text = (await console.client.get("/run", headers=HTML)).text
    assert text.index("Change servers") < text.index("/run/ship") < text.index("Look at servers")
    assert text.index("Look at servers") < text.index("/run/hail") < text.index("Ask the bot")
    assert "Put an app on the servers of an environment." in text


async def test_a_form_offers_what_is_known_of_the_servers(console: Console) -> None:
    """Environments, apps and hosts are choices; each field has its label."""
    text = (await console.client.get("/run/ship", headers=HTML)).text
    for option in ("prod", "shop", *HOSTS):
        assert f'<option value="{option}">' in text
    for name in ("app", "environment", "ref", "host"):
        assert f'<label for="field-{name}">' in text
    assert re.search(r'name="key" value="\w+"', text)


async def test_a_form_offers_nothing_that_one_may_not_see(open_console: OpenConsole) -> None:
    """Names of protected servers stay where they are."""
    policy = Policy(environments={"prod": EnvironmentTable(protected=True)})
    console = await open_console(policy=policy)
    for path in ("/run/ship", "/suggestions?typed=/ship%20sh", "/run/ship/plan?f-app=shop"):
        assert "web-1" not in (await console.client.get(path, headers=HTML)).text


async def test_before_the_click_it_says_what_it_will_reach(console: Console) -> None:
    """Each server; and nothing is written by that."""
    answer = await console.client.get("/run/ship/plan?f-app=shop&f-environment=prod", headers=HTML)
    assert "3 servers in prod" in answer.text
    assert all(host in answer.text for host in HOSTS)
    assert 'data-text="/ship shop prod"' in answer.text
    assert await console.bot.store.audit.recent(5) == []


async def test_a_plan_of_what_is_not_allowed_says_so(open_console: OpenConsole) -> None:
    """With the rule that is missing, before anybody clicks."""
    console = await open_console(policy=Policy())
    answer = await console.client.get("/run/ship/plan?f-app=shop&f-environment=prod", headers=HTML)
    assert "Required rule: [[allow]]" in unescape(answer.text)


async def test_a_form_asks_what_it_equals(console: Console) -> None:
    """The job is the one that the words would have started, and a second click is the same."""
    form = {"f-app": "shop", "f-environment": "prod", "f-host": "web-2", "key": "k1"}
    answers = [await console.client.post("/run/ship", data=form, headers=HTML) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {303}
    (address,) = {answer.headers["location"] for answer in answers}
    found = await console.bot.store.ledger.job(address.removeprefix("/jobs/"))
    assert found is not None
    assert found[0].title == "ship shop prod --host web-2"
    assert [run.host for run in found[1]] == ["web-2"]


@pytest.mark.parametrize(
    ("form", "field", "said"),
    [
        ({"f-app": "shop"}, "environment", "ENVIRONMENT"),
        ({"f-app": "sh op", "f-environment": "prod"}, "app", "letters, digits"),
        ({"f-app": "shop", "f-environment": "nowhere"}, "environment", "Unknown environment"),
        ({"f-app": "shop", "f-environment": "prod", "f-ref": "a..b"}, "ref", "--ref"),
    ],
)
async def test_what_is_wrong_stands_at_its_field(
    console: Console, form: dict[str, str], field: str, said: str
) -> None:
    """And what was filled in is still there."""
    answer = await console.client.post("/run/ship", data=form, headers=HTML)
    assert answer.status_code == 422
    text = unescape(answer.text)
    assert re.search(rf'id="field-{field}"[^>]*aria-invalid="true"', text)
    (wrong,) = re.findall(rf'id="field-{field}-wrong" role="alert">([^<]*)', text)
    assert said in wrong
    assert 'value="shop" selected' in text or 'value="sh op" selected' in text


async def test_what_is_typed_fills_in_the_form(console: Console) -> None:
    """By an address that can be kept; by itself, for the script, as values."""
    answer = await console.client.get(
        "/run", params={"text": "/ship shop prod --ref v2"}, headers=HTML
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/run/ship?f-app=shop&f-environment=prod&f-ref=v2"
    text = (await console.client.get(answer.headers["location"], headers=HTML)).text
    assert 'value="v2"' in text
    said = await console.client.get("/run/typed", params={"text": "ship shop prod host=web-1"})
    assert said.json() == {
        "command": "ship",
        "fields": {"f-app": "shop", "f-environment": "prod", "f-host": "web-1"},
    }
    wrong = await console.client.get("/run/typed", params={"text": "ship"})
    assert "problem" in wrong.json()


async def test_what_cannot_be_followed_is_still_there(console: Console) -> None:
    """As it was typed, in the form of its command, with what is wrong at its field."""
    answer = await console.client.get("/run", params={"text": "/ship shop"}, headers=HTML)
    answer = await console.client.get(answer.headers["location"], headers=HTML)
    assert answer.status_code == 422
    text = unescape(answer.text)
    assert 'id="slash" type="text" value="/ship shop"' in text
    assert re.search(r'id="field-environment-wrong" role="alert">ENVIRONMENT is missing', text)


async def test_an_unknown_command_is_kept_with_a_hint(console: Console) -> None:
    """As it was typed, to be corrected, with what is not known of it and what it may mean."""
    answer = await console.client.get("/run", params={"text": "/shipp shop prod"}, headers=HTML)
    assert answer.status_code == 422
    text = unescape(answer.text)
    assert 'name="text" value="/shipp shop prod"' in text
    assert "Unknown command “shipp”. Did you mean ship?" in text
    assert 'href="/run/ship"' in text
    missing = await console.client.get("/run/shipp", headers=HTML)
    assert missing.status_code == 404
    assert "There is no command “shipp”. Did you mean ship?" in unescape(missing.text)


async def test_an_optional_choice_that_is_empty_is_not_given(console: Console) -> None:
    """What an empty one means depends on the command."""
    text = (await console.client.get("/run/ship", headers=HTML)).text
    (host,) = re.findall(r'<select id="field-host".*?</select>', text)
    assert '<option value="">not given</option>' in host
    (app,) = re.findall(r'<select id="field-app".*?</select>', text)
    assert '<option value="">Choose ...</option>' in app


async def test_a_time_makes_a_schedule_of_it(console: Console) -> None:
    """The same words as in chat; before the click the page says when it will run, in which zone,
    and where; a wrong time stands at its field."""
    form = {"f-environment": "prod", "when": "on 2126-01-05 at 07:00 Europe/Kyiv", "key": "k1"}
    plan = unescape((await console.client.get("/run/hail/plan", params=form, headers=HTML)).text)
    words = "/schedule hail prod on 2126-01-05 at 07:00 Europe/Kyiv"
    assert f'data-text="{words}"' in plan
    for part in ("It runs once", "Sat 05 Jan 2126, 07:00", "Europe/Kyiv", "in prod"):
        assert part in plan
    assert "Your own time zone" not in plan
    form["when"] = "at 07:00"
    plan = unescape((await console.client.get("/run/hail/plan", params=form, headers=HTML)).text)
    assert plan.count("07:00</strong>") == 3
    assert "in the time zone UTC:" in plan
    words = "/schedule hail prod at 07:00"
    page = (await console.client.get("/run/hail", params=form, headers=HTML)).text
    assert "Schedule /hail</button>" in page
    assert f'value="{words}"' in page
    answer = await console.client.post("/run/hail", data=form, headers=HTML)
    assert answer.status_code == 200
    (schedule,) = await console.bot.store.schedules.in_channel("console")
    assert schedule.words == "hail prod"
    assert 'href="/schedules">Schedules</a>' in answer.text
    wrong = {**form, "when": "tomorow at nine", "key": "k2"}
    answer = await console.client.post("/run/hail", data=wrong, headers=HTML)
    assert answer.status_code == 422
    assert re.search(r'id="when"[^>]*value="tomorow at nine"[^>]*aria-invalid="true"', answer.text)
    assert re.search(r'id="when-wrong" role="alert">[^<]+Examples', answer.text)
    assert console.agents[0].requests == []


class Pair(Command):
    """Do something with one of two."""

    name: ClassVar[str] = "pair"
    environment: Name
    left: str | None = None
    right: str | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.left and self.right:
            raise ValueError("Name left or right.")
        return self


async def test_a_time_takes_no_blame_for_other_errors(open_console: OpenConsole) -> None:
    """What is wrong with another field stands there, what is wrong with none above the form."""
    console = await open_console(commands=commands_of(Commands([Extension(Pair)])))
    form = {"f-environment": "prod", "f-left": "a", "f-right": "b", "when": "every 5m", "key": "k"}
    text = unescape((await console.client.post("/run/pair", data=form, headers=HTML)).text)
    assert 'id="when-wrong"' not in text
    assert re.search(r'<div class="notice bad" role="alert">[^<]*Name left or right', text)
    form = {"f-environment": "nowhere", "when": "every 5m", "key": "k2"}
    text = unescape((await console.client.post("/run/pair", data=form, headers=HTML)).text)
    assert 'id="when-wrong"' not in text
    assert 'id="field-environment-wrong"' in text
    form = {"f-environment": "prod", "when": "at 25:00", "key": "k3"}
    text = unescape((await console.client.post("/run/pair", data=form, headers=HTML)).text)
    assert 'id="when-wrong"' in text
    assert '<div class="notice bad" role="alert">' not in text


async def test_a_schedule_that_is_typed_fills_in_the_form(console: Console) -> None:
    """Of the command that it runs, with its time; what is done with a schedule that there is keeps
    the form of /schedule."""
    text = "/schedule ship shop prod --host web-1 every 2 hours quiet"
    said = await console.client.get("/run/typed", params={"text": text})
    fields = {"f-app": "shop", "f-environment": "prod", "f-host": "web-1"}
    assert said.json() == {"command": "ship", "fields": {**fields, "when": "every 2 hours quiet"}}
    answer = await console.client.get("/run", params={"text": text}, headers=HTML)
    assert answer.headers["location"].startswith("/run/ship?")
    page = (await console.client.get(answer.headers["location"], headers=HTML)).text
    assert f'value="{text}"' in page
    for other in ("/schedule list", "/schedule pause at", "/schedule help every 5m"):
        answer = await console.client.get("/run", params={"text": other}, headers=HTML)
        assert answer.headers["location"].startswith("/run/schedule"), other
    assert 'name="when"' not in (await console.client.get("/run/help", headers=HTML)).text


@pytest.mark.parametrize(
    "typed",
    [
        "/ship shop prod",
        "/ship shop prod --ref v2 --host web-1",
        "/hail prod web-1",
        "/hail prod",
        "/servers",
        "/schedule hail prod every 5m",
        '/alerts silence host=~"web-.*" for 2h because "a  b"',
        "/audit --last 5",
        "/log abcd",
    ],
)
def test_the_form_and_the_words_are_one_thing(typed: str) -> None:
    """Words -> form -> words is the same command, for every kind of field."""
    commands: Commands = COMMANDS
    command: Command = commands.parse(typed)
    again = words_from(commands, command.name, filled_from(command, typed))
    assert commands.parse(again) == command


async def test_suggestions_follow_what_is_typed(console: Console) -> None:
    """As in the terminal: commands, then what is known for each field."""

    async def suggested(typed: str) -> list[dict[str, Any]]:
        answer = await console.client.get("/suggestions", params={"typed": typed})
        assert answer.headers["cache-control"] == "no-store"
        found: list[dict[str, Any]] = answer.json()["suggestions"]
        return found

    assert {
        key: value for key, value in (await suggested("/sh"))[0].items() if key != "meaning"
    } == {"text": "/ship", "replaces": 3}
    assert [one["text"] for one in await suggested("/ship ")] == ["shop"]
    assert [one["text"] for one in await suggested("/ship shop ")] == ["prod"]
    assert [one["text"] for one in await suggested("/ship shop prod --host web-")] == [*HOSTS]
    assert await suggested("/nothing at all") == []
    assert await suggested("x" * 5_000) == []
    await console.client.post("/ask", data={"text": "ship shop prod"})
    (job,) = await console.bot.store.ledger.recent(1)
    assert [one["text"] for one in await suggested("/log ")] == [job.id[:6]]


async def test_a_box_that_is_ticked_by_default_can_be_unticked(console: Console) -> None:
    """What a box says that is not ticked is sent too, and what an option stands for is shown."""
    facts = worker_facts(
        "worker-1",
        runner(
            arguments={
                "quiet": {"type": "flag", "default": True},
                "copies": {"type": "integer", "default": 2},
            }
        ),
    )
    console.bot.servers.record(Heartbeat(facts=facts, interval=15.0))
    text = (await console.client.get("/run/report", headers=HTML)).text
    assert re.search(
        r'type="hidden" name="f-quiet" value="no">\s*<label class="check"><input[^>]* checked>',
        text,
    )
    assert re.search(r'value="2" id="field-copies"', text)
    for form, words in (
        ("f-quiet=no&f-quiet=yes&f-copies=2", "/report"),
        ("f-quiet=no&f-copies=3", "/report --quiet=no --copies 3"),
    ):
        answer = await console.client.get(f"/run/report/plan?{form}", headers=HTML)
        assert f'data-text="{words}"' in answer.text


async def test_a_form_says_how_servers_are_gone_through(console: Console) -> None:
    """In a section of its own, closed as long as it says nothing: the plan has the waves, what is
    wrong stands at its field, and what is typed fills it in."""
    text = (await console.client.get("/run/ship", headers=HTML)).text
    assert '<details id="rollout">' in text
    assert "rollout-canary" not in (await console.client.get("/run/hail", headers=HTML)).text
    query = "f-app=shop&f-environment=prod&rollout-canary=1&rollout-pause=first"
    plan = (await console.client.get(f"/run/ship/plan?{query}", headers=HTML)).text
    assert 'data-text="/ship shop prod --canary 1 --pause"' in plan
    assert "waves of 1 and 2; it asks after the first" in plan
    form = {"f-app": "shop", "f-environment": "prod", "rollout-wave": "some", "key": "k"}
    answer = await console.client.post("/run/ship", data=form, headers=HTML)
    assert answer.status_code == 422
    assert '<details id="rollout" open>' in answer.text
    assert re.search(r'id="rollout-wave-wrong" role="alert">--wave: invalid value', answer.text)
    later = await console.client.post("/run/ship", data={**form, "when": "in 5m"}, headers=HTML)
    assert "A schedule goes in waves by a rule" in later.text
    typed = "/run/typed?text=/ship shop prod --wave 50% --max-failed 1"
    fields = (await console.client.get(typed.replace("%", "%25"))).json()["fields"]
    assert fields["rollout-wave"] == "50%"
    assert fields["rollout-max_failed"] == "1"
    form["rollout-wave"] = "1"
    await console.client.post("/run/ship", data={**form, "key": "other"}, headers=HTML)
    (job,) = await console.bot.store.ledger.recent()
    assert job.hold is not None
    assert job.hold.rollout is not None
    assert str(job.hold.rollout.settings.wave) == "1"
