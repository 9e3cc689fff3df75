"""What the pages show: to whom, what they change, and by which words."""

from __future__ import annotations

import re
from html import unescape

import pytest

from baton.bus.memory.channel import MemoryChannel
from baton.bus.messages import Person, new_id
from baton.command import KnownServer
from bot.app.assemble import status_reader
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.jobs import AuditEntry, NewJob
from bot.web.console.api.bodies import MAX_BODY
from bot.web.console.pages.links import report
from tests.bot.build import ANN
from tests.bot.store.build import deploy, entry, later
from tests.bot.web.console.conftest import HOSTS, Console, OpenConsole
from tests.bot.world import away
from tests.support.wait import until

HTML = {"Accept": "text/html"}
HTMX = {**HTML, "HX-Request": "true"}
FORM = "application/x-www-form-urlencoded"
PAGES = [
    "/",
    "/run",
    "/run/ship",
    "/jobs",
    "/servers",
    "/alerts",
    "/schedules",
    "/gates",
    "/audit",
    "/dead",
]


async def page(console: Console, path: str, status: int = 200) -> str:
    answer = await console.client.get(path, headers=HTML)
    assert answer.status_code == status, answer.text
    return answer.text


async def asked(console: Console, text: str, **form: str) -> str:
    """Ask as a button does that htmx sends."""
    answer = await console.client.post(
        "/ask", data={"text": text, "key": new_id(), **form}, headers=HTMX
    )
    assert answer.status_code in (200, 204), answer.text
    return answer.headers.get("hx-redirect", "") or answer.text


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_opens(console: Console, path: str) -> None:
    """With one heading, a way to the content, and nothing that a cache keeps."""
    answer = await console.client.get(path, headers=HTML)
    assert answer.status_code == 200
    assert answer.text.count("<h1") == 1
    assert 'href="#main"' in answer.text
    assert 'aria-current="page"' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"\{\{|\{%|Undefined|None\b", answer.text)


async def test_what_is_asked_on_a_page_is_asked_as_in_chat(console: Console) -> None:
    """It leads to its job, and stands on the first page and in the audit log."""
    address = await asked(console, "/ship shop prod")
    job = address.removeprefix("/jobs/")
    found = await console.bot.store.ledger.job(job)
    assert found is not None
    assert {run.host for run in found[1]} == set(HOSTS)
    assert found[0].place.directory == "terminal"
    assert f'href="/jobs/{job}">ship shop prod' in await page(console, "/")
    audit = await page(console, "/audit")
    assert "/ship shop prod" in audit
    assert f'href="/jobs/{job}"' in audit


async def test_a_double_click_is_one_job(console: Console) -> None:
    """The form has a key, which is that of the request."""
    form = {"text": "ship shop prod", "key": "pressed-twice"}
    first, second = [await console.client.post("/ask", data=form, headers=HTML) for _ in range(2)]
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert len(await console.bot.store.ledger.recent(5)) == 1


async def test_bad_input_is_said_where_it_was_asked(console: Console) -> None:
    """By the words of the one parser, with what was typed."""
    answer = await console.client.post(
        "/ask", data={"text": "/ship shop nowhere", "back": "/servers"}, headers=HTML
    )
    assert answer.status_code == 422
    assert "Unknown environment" in answer.text
    assert "/ship shop nowhere" in answer.text
    assert 'href="/servers">Back' in answer.text


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_the_way_back_stays_in_the_console(console: Console, back: str) -> None:
    """Whatever a form says."""
    answer = await console.client.post("/ask", data={"text": "/help", "back": back}, headers=HTML)
    assert "evil" not in answer.text


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            b"&".join(b"a%d=1" % number for number in range(500)),
            "application/x-www-form-urlencoded",
        ),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"text=", "application/x-www-form-urlencoded"),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_form_is_refused(console: Console, body: bytes, kind: str) -> None:
    """Nothing is done, and nothing fails."""
    answer = await console.client.post("/ask", content=body, headers={**HTML, "Content-Type": kind})
    assert answer.status_code == 422
    assert await console.bot.store.audit.recent(5) == []


async def test_a_form_that_is_too_large_is_refused_as_such(console: Console) -> None:
    """As by the API."""
    body = b"text=" + b"x" * MAX_BODY
    answer = await console.client.post("/ask", content=body, headers={**HTML, "Content-Type": FORM})
    assert answer.status_code == 413
    assert f"{MAX_BODY} bytes" in answer.text


async def test_somebody_elses_page_asks_nothing(console: Console) -> None:
    """A form on another page is not the person's."""
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = await console.client.post(
            "/ask", data={"text": "ship shop prod"}, headers={**HTML, **headers}
        )
        assert answer.status_code == 403
    assert await console.bot.store.ledger.recent(5) == []


PROTECTED = Policy(environments={"prod": EnvironmentTable(protected=True, ask="ops@")})


async def test_who_may_not_look_sees_nothing_of_it(open_console: OpenConsole) -> None:
    """Not even the names of servers; that something is left out is said."""
    console = await open_console(policy=PROTECTED)
    servers = await page(console, "/servers")
    assert "web-1" not in servers
    assert "3 servers left out: you are not allowed to read them." in servers
    assert "web-1" not in await page(console, "/")


async def test_a_refusal_names_the_rule_that_is_missing(open_console: OpenConsole) -> None:
    """As in chat, and the audit log has it."""
    console = await open_console(policy=Policy())
    said = unescape(await asked(console, "ship shop prod"))
    assert 'role="alert"' in said
    assert "Required rule: [[allow]]" in said
    assert "refused" in await page(console, "/audit")


async def test_a_stranger_reads_nothing(open_console: OpenConsole) -> None:
    """A guest without a rule sees no server, no job and no request."""
    console = await open_console(person=Person(id="U_GUEST", name="gus", standing="guest"))
    assert "web-1" not in await page(console, "/servers")


async def test_jobs_of_protected_environments_are_read_by_those_who_may(
    open_console: OpenConsole,
) -> None:
    """A rule for the person opens them."""
    rule = Rule(who=(ANN.id,))
    console = await open_console(policy=Policy([rule], {"prod": EnvironmentTable(protected=True)}))
    assert "web-1" in await page(console, "/servers")


async def test_the_history_is_filtered(console: Console) -> None:
    """By the address, which the links to CSV and JSON share."""
    await asked(console, "ship shop prod --ref v1")
    await asked(console, "hail prod")
    text = await page(console, "/jobs")
    assert "ship shop prod --ref v1" in text
    assert "hail prod</strong>" in text
    text = await page(console, "/jobs?command=ship&person=ann&since=2026-01-01&server=web-1")
    assert "ship shop prod --ref v1" in text
    assert "hail prod</strong>" not in text
    (csv,) = re.findall(r'href="(/api/v1/jobs\?[^"]*format=csv[^"]*)"', unescape(text))
    answer = await console.client.get(csv)
    assert "ship shop prod --ref v1" in answer.text
    assert "hail prod" not in answer.text
    assert "No job matches." in await page(console, "/jobs?app=nothing")


async def test_the_audit_log_goes_on_page_by_page(console: Console) -> None:
    """Every entry once, with the filter that was chosen; what is no page is said so."""
    for number in range(103):
        await console.bot.store.ledger.start_job(*_job(number))
    first = await page(console, "/audit?person=U_ANN&environment=prod")
    (older,) = re.findall(r'href="(/audit\?[^"]*before=[^"]*)" rel="next"', unescape(first))
    second = await page(console, older)
    shown = re.findall(r'href="/jobs/(\w+)"', first + second)
    assert (len(shown), len(set(shown))) == (103, 103)
    assert 'rel="next"' not in second
    assert 'href="/audit?person=U_ANN&environment=prod">Newest' in unescape(second)
    for wrong in ("0", "x", "²", "9" * 30):
        assert "must be the `next`" in await page(console, f"/audit?before={wrong}", 422)


@pytest.mark.parametrize("query", ["since=yesterday", "state=fine", "until=%00", "before=%00"])
async def test_a_filter_that_cannot_be_used_says_so(console: Console, query: str) -> None:
    """And the page still opens."""
    text = await page(console, f"/jobs?{query}", 422)
    assert 'role="alert"' in text or "must be the `next`" in text


async def test_the_history_goes_on_page_by_page(console: Console) -> None:
    """Nothing is missing between two pages."""
    for number in range(53):
        await console.bot.store.ledger.start_job(*_job(number))
    first = await page(console, "/jobs")
    (older,) = re.findall(r'href="(/jobs\?[^"]*before=[^"]*)" rel="next"', unescape(first))
    second = await page(console, older)
    shown = re.findall(r'id="job-(\w+)"', first + second)
    assert len(shown) == len(set(shown)) == 53


def _job(number: int) -> tuple[NewJob, AuditEntry]:
    new = deploy("web-1", asked=later(number))
    return new, entry(new)


async def test_schedules_are_made_and_changed(console: Console) -> None:
    """By the words of chat, from two fields and four buttons."""
    made = await asked(console, "hail prod", before="schedule", after="every 5m")
    assert "Schedule " in made
    shown = await page(console, "/schedules")
    assert "hail prod" in shown
    assert "every 5m" in shown
    id = re.findall(r'value="schedule pause (\w+)"', shown)[0]
    assert "Paused" in await asked(console, f"schedule pause {id}")
    shown = await page(console, "/schedules")
    assert "paused" in shown
    assert f"schedule resume {id}" in shown
    assert "Resumed" in await asked(console, f"schedule resume {id}")
    assert "/jobs/" in await asked(console, f"schedule run {id}")
    assert "Removed" in await asked(console, f"schedule remove {id}")
    assert "Nothing is scheduled yet" in await page(console, "/schedules")


async def test_what_is_next_stands_on_the_first_page(console: Console) -> None:
    """With when."""
    await asked(console, "hail prod", before="schedule", after="every 5m")
    home = await page(console, "/")
    assert "hail prod" in home
    assert re.search(r'<time class="ago" [^>]*>in \d', home)


async def test_it_is_said_for_how_long_the_database_is_away(console: Console) -> None:
    """From when that was seen first, until it answers."""
    clock = [100.0]
    reader = status_reader(console.bot, None, console.bot.rejections, lambda: clock[0])
    assert report(await reader.read()).broken == ()
    with away(console.bot.store):
        for later_on, said in ((5.0, "0.0 s"), (195.0, "3 min 15 s")):
            clock[0] += later_on
            (broken,) = report(await reader.read()).broken
            assert broken.words == f"The database has not answered for {said}."
            assert "its disk is full" in broken.reason
    clock[0] += 5
    assert report(await reader.read()).broken == ()


async def test_without_rabbitmq_the_first_page_says_what_still_works(console: Console) -> None:
    """Since when it is away, and what becomes of what is asked now."""
    channel = console.bot.channel
    assert isinstance(channel, MemoryChannel)
    channel.cut()
    home = await page(console, "/")
    assert "No connection to RabbitMQ for" in home
    assert "What is asked now waits in the database until its deadline." in home


async def test_without_the_database_the_first_page_says_what_it_knows(console: Console) -> None:
    """Servers are known from memory. Pages that need the database say that it is away."""
    await until(lambda: console.bot.leader.leading)
    with away(console.bot.store):
        home = await page(console, "/")
        assert "The database has not answered for" in home
        assert "3<span> of 3" in home
        audit = await page(console, "/audit", 503)
        assert "its disk is full" in audit
        assert 'href="/servers"' in audit
        said = await asked_while_away(console)
    assert "its disk is full" in said


async def asked_while_away(console: Console) -> str:
    answer = await console.client.post("/ask", data={"text": "ship shop prod"}, headers=HTML)
    assert answer.status_code == 503
    return answer.text


XSS = "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>{{7*7}}\u202egnp"


async def test_what_people_and_servers_write_is_text(console: Console) -> None:
    """On every page: words, reasons, notes, names, and what comes back from a search."""
    console.bot.servers._notes_of = lambda host: (XSS,)
    await console.client.post("/ask", data={"text": XSS}, headers=HTML)
    await asked(console, "hail prod", before="schedule", after="every 5m")
    (schedule,) = await console.bot.store.schedules.in_channel("console")
    await asked(console, f"schedule pause {schedule.id} because {XSS}")
    await asked(console, f"ship shop prod --ref {XSS.split()[0]}")
    for path in [
        *PAGES,
        f"/audit?person={XSS}&environment={XSS}",
        f"/servers?environment={XSS}",
        f"/jobs?q={XSS}&person={XSS}",
    ]:
        text = await page(console, path)
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path
        assert "\u202e" not in text, path
        assert "49gnp" not in text, path


async def test_servers_that_are_silent_come_first(console: Console) -> None:
    """With since when, and why."""
    before = console.bot.servers.servers
    silent = [
        KnownServer(
            one.facts, 60.0 if one.facts.host == "web-2" else 1.0, one.facts.host == "web-2"
        )
        for one in before()
    ]
    console.bot.servers.servers = lambda: silent  # type: ignore[method-assign]
    shown = await page(console, "/servers")
    assert "1 of 3 servers silent: web-2." in shown
    assert shown.index('id="server-web-2"') < shown.index('id="server-web-1"')
    assert 'href="/servers?environment=prod">web-2' in await page(console, "/")


async def test_the_links_are_asked_for_again(console: Console) -> None:
    """A small answer, as every page asks for it all the time."""
    answer = await console.client.get("/links", headers=HTMX)
    assert "RabbitMQ" in answer.text
    assert "<html" not in answer.text
    assert len(answer.content) < 2_000
