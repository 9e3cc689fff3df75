"""`http!`: a service does the jobs. A real server on a real socket answers as each test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from baton.errors import Blocked, Failed, SettingsError
from baton.worker.processors import http
from baton.worker.processors.runner import Runner
from tests.baton.worker.processors.web_service import (
    Answer,
    Service,
    cut,
    reply,
    silent,
    streams,
    trickling,
)
from tests.baton.worker.stage import PLAIN, Said, build, runner, work
from tests.support.listening import listening
from tests.support.wait import until


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    made = Service()
    async with listening(made.answer) as made.port:
        yield made


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_LOOK", "LAST_LOOK", "LEAST_WAIT", "MOST_WAIT"):
        monkeypatch.setattr(http, name, 0.001)


def of(service: Service, **keys: Any) -> Runner:
    return runner(f"http!{service.url}", **keys)


async def test_a_job_is_posted_as_json(service: Service) -> None:
    """All that a runner is told; the key says which job it is, should it come twice."""
    service.answers = [reply("200 OK", {"text": "printed 3 pages"})]
    made = of(service, settings={"token": "geheim17"})
    outcome = await made.run(work(build(id=12)), Said())
    assert outcome.text == "printed 3 pages"
    ((line, headers, body),) = service.asked
    assert line == "POST /jobs"
    assert headers["idempotency-key"] == "j1.1"
    assert headers["authorization"] == "Bearer geheim17"
    posted = json.loads(body)
    assert posted.pop("build")["job"]["id"] == 12
    assert posted == {
        "id": "j1", "attempt": 1, "queue": "pdf", "runner": "report", "arguments": {}
    }  # fmt: skip


async def test_arguments_go_along(service: Service) -> None:
    service.answers = [reply("204 No Content")]
    await of(service).run(work(month="may"), Said())
    posted = json.loads(service.asked[0][2])
    assert posted["arguments"] == {"month": "may"}
    assert posted["build"]["arguments"] == {"month": "may"}
    assert set(posted["build"]) >= set(PLAIN) - {"web_host"}


async def test_what_it_made_and_said_is_reported(service: Service, tmp_path: Any) -> None:
    """Its artifacts are files of this host, looked at as any other's."""
    (tmp_path / "a.pdf").write_text("a")
    said = Said()
    answer = {"artifacts": [str(tmp_path / "a.pdf")], "log": "one\ntwo", "text": ""}
    service.answers = [reply("200 OK", answer)]
    outcome = await of(service, folder=tmp_path).run(work(), said)
    assert outcome.text == f"made {tmp_path}/a.pdf (1 B)"
    assert said.logged[:2] == ["one", "two"]
    service.answers = [reply("200 OK", {"artifacts": ["/etc/passwd"]})]
    with pytest.raises(Failed, match="/etc/passwd is not in"):
        await of(service, folder=tmp_path).run(work(), Said())


async def test_a_job_that_goes_on_is_asked_about_until_it_is_done(service: Service) -> None:
    """202 with a Location on the same origin; what it says meanwhile is told once."""
    half = reply("202 Accepted", {"text": "page 2 geheim17", "percent": 50}, Retry_After="1")
    service.answers = [
        reply("202 Accepted", Location="/jobs/9?x=1"),
        reply("202 Accepted"),
        half,
        half,
        reply("503 Service Unavailable"),
        reply("200 OK", {"text": "done"}),
    ]
    said = Said()
    made = of(service, settings={"token": "geheim17"})
    assert (await made.run(work(), said)).text == "done"
    assert said.told == [("page 2 •••", 50)]
    assert service.lines == ["POST /jobs", *["GET /jobs/9?x=1"] * 5]


@pytest.mark.parametrize(
    "location",
    [
        "http://evil.example.com/jobs/9",
        "//evil.example.com/9",
        "https://127.0.0.1/jobs/9",
        "http://127.0.0.1:1/jobs/9",
        "http://[::1/",
        "file:///etc/passwd",
    ],
)
async def test_no_other_origin_is_ever_asked(service: Service, location: str) -> None:
    service.answers = [reply("202 Accepted", Location=location)]
    with pytest.raises(Failed, match="which is another origin: only the address of the conf"):
        await of(service).run(work(), Said())
    assert service.lines == ["POST /jobs"]


async def test_redirects_are_not_followed(service: Service) -> None:
    service.answers = [reply("307 Temporary Redirect", Location="/other")]
    with pytest.raises(Failed, match=r"answers 307 .* to '/other': redirects are not followed"):
        await of(service).run(work(), Said())
    assert service.lines == ["POST /jobs"]


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (reply("423 Locked", {"text": "m9003 is locked"}), Blocked, "^m9003 is locked$"),
        (reply("503 Service Unavailable", "<html>"), Blocked, "^503 Service Unavailable$"),
        (reply("429 Too Many Requests", "slow down\nplease"), Blocked, "^slow down$"),
        (reply("409 Conflict", {"detail": "runs"}, Retry_After="5"), Blocked, "^runs$"),
        (reply("409 Conflict", {"detail": "exists"}), Failed, "answers 409 Conflict: exists"),
        (reply("500 Oops", {"error": {}}), Failed, "answers 500 Oops: 500 Oops"),
        (reply("422 No", {"detail": "bad \x1b[31mmonth"}), Failed, "422 No: bad month"),
        (reply("401 Unauthorized"), Failed, "answers 401 Unauthorized"),
        (reply("200 OK", "{"), Failed, "did the job, but its answer is no JSON"),
        (reply("200 OK", "[]"), Failed, "but its answer is not valid"),
        (reply("200 OK", {"artifacts": "a"}), Failed, "not valid: artifacts: "),
        (reply("200 OK", {"artifacts": [1]}), Failed, "not valid: artifacts.0: "),
        (reply("202 Accepted"), Failed, "202 without a Location"),
        (reply("200 OK", "x" * 1_100_000), Failed, "has more than 1,000,000 bytes"),
        ("HTTP/9 garbage\r\n\r\n", Failed, "gave no answer .* whether it did the job is not"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", Failed, "the answer .* broke off"),
    ],
)
async def test_what_it_answers_is_said(
    service: Service, answer: str, kind: type[Exception], says: str
) -> None:
    """409 with Retry-After, 423, 429 and 503 wait for something; other errors are failures."""
    if "Content-Length: 9" in answer or "HTTP/9" in answer:

        async def cut(writer: asyncio.StreamWriter) -> None:
            writer.write(answer.encode())

        service.answers = [cut]
    else:
        service.answers = [answer]
    with pytest.raises(kind, match=says):
        await of(service).run(work(), Said())


async def test_a_service_that_cannot_be_reached_is_waited_for(service: Service) -> None:
    """Nothing was begun, so nothing is lost by another try."""
    with pytest.raises(Blocked, match="the service cannot be reached: "):
        await runner("http!http://127.0.0.1:1/jobs").run(work(), Said())


async def test_a_job_whose_service_falls_silent_is_given_up(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answers = [reply("202 Accepted", Location="/jobs/9"), reply("502 Bad Gateway")]
    with pytest.raises(Failed, match=r"says nothing of the job any more .*502 Bad Gateway"):
        await of(service).run(work(), Said())
    assert len(service.asked) == 1 + http.MOST_MISSED
    service.answers = [reply("202 Accepted", Location="/jobs/9"), reply("404 Not Found", "gone")]
    with pytest.raises(Failed, match="answers 404 Not Found: gone"):
        await of(service).run(work(), Said())


BROKEN: dict[str, Answer] = {
    "progress": cut("202 Accepted"),
    "done": cut("200 OK"),
    "failed": cut("500 Internal Server Error"),
    "text": streams("text/plain", "page 1\n", cut=True),
    "events": streams("text/event-stream", "data: page 1\n\n", cut=True),
    "ended": streams("text/event-stream", "data: page 1\n\n"),
    "silent": silent,
    "trickling": trickling,
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_an_answer_about_a_job_that_breaks_off_is_asked_for_again(
    service: Service, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes on at a service does not end with a connection; too many in a row are given up."""
    monkeypatch.setattr(http, "ANSWER", 0.2)
    accepted = reply("202 Accepted", Location="/jobs/9")
    service.answers = [accepted, answer, answer, reply("200 OK", {"text": "done"})]
    assert (await of(service).run(work(), Said())).text == "done"
    service.answers, service.asked = [accepted, answer], []
    with pytest.raises(Failed, match=r"says nothing of the job any more .* is not known"):
        await of(service).run(work(), Said())
    assert service.lines == ["POST /jobs", *["GET /jobs/9"] * http.MOST_MISSED]


async def test_what_a_job_streams_may_pause(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is for an answer that is to be whole at once."""
    monkeypatch.setattr(http, "ANSWER", 0.05)
    said = Said()

    async def slow(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\none\n")
        await until(lambda: said.logged)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.2)
        writer.write(b"two\n")

    service.answers = [reply("202 Accepted", Location="/jobs/9"), slow]
    assert (await of(service).run(work(), said)).text == "two"
    assert len(service.asked) == 2


async def test_a_refusal_that_breaks_off_is_one_by_its_status(service: Service) -> None:
    service.answers = [cut("503 Service Unavailable")]
    with pytest.raises(Blocked, match="503 Service Unavailable"):
        await of(service).run(work(), Said())


# Streams


async def test_text_in_chunks_is_the_log_as_it_comes(service: Service) -> None:
    """Its colours stay, a token does not; the last line is the text."""
    pieces = ("one\ntw", "o \x1b[31mred\x1b[0m\n", "geheim17\n", "last")
    service.answers = [streams("text/plain; charset=utf-8", *pieces)]
    said = Said()
    outcome = await of(service, settings={"token": "geheim17"}).run(work(), said)
    assert said.logged == ["one", "two \x1b[0;31mred\x1b[0m", "•••", "last"]
    assert outcome.text == "last"


async def test_events_are_the_log_the_progress_and_the_end(service: Service) -> None:
    pieces = (
        ": ping\n\ndata: one\ndata: two\n\n",
        'event: progress\r\ndata: {"percent": 50, "text": "half"}\r\n\r\n',
        "event: other\ndata: three\n\nevent: do",
        'ne\ndata: {"text": "printed"}\n\n',
        "data: never\n\n",
    )
    service.answers = [streams("text/event-stream", *pieces)]
    said = Said()
    assert (await of(service).run(work(), said)).text == "printed"
    assert said.logged == ["one", "two", "three"]
    assert said.told == [("half", 50)]


@pytest.mark.parametrize(
    ("pieces", "kind", "says"),
    [
        (("event: failed\ndata: no paper\n\n",), Failed, "^no paper$"),
        (('event: failed\ndata: {"text": "no ink"}\n\n',), Failed, "^no ink$"),
        (("event: blocked\ndata: m9003 is locked\n\n",), Blocked, "^m9003 is locked$"),
        (("event: blocked\n\n",), Blocked, "gave no reason"),
        (("event: done\ndata: {\n\n",), Failed, "its answer is no JSON"),
        (("data: x\n\n",), Failed, "ended before it said how the job did"),
        (("data: x" * 200_000,), Failed, "an event of more than 1,000,000 bytes"),
        (("data: x\n" * 200_000,), Failed, "an event of more than 1,000,000 bytes"),
    ],
)
async def test_a_stream_of_events_says_how_it_ends(
    service: Service, pieces: tuple[str, ...], kind: type[Exception], says: str
) -> None:
    service.answers = [streams("text/event-stream", *pieces)]
    with pytest.raises(kind, match=says):
        await of(service).run(work(), Said())


@pytest.mark.parametrize("type_", ["text/plain", "text/event-stream"])
async def test_a_stream_that_breaks_off_is_a_failure(service: Service, type_: str) -> None:
    service.answers = [streams(type_, "data: x\n\n", cut=True)]
    with pytest.raises(Failed, match=r"broke off .*: whether it did the job is not known"):
        await of(service).run(work(), Said())


# Cancel and time


async def test_cancel_tells_the_service(service: Service) -> None:
    """A DELETE of the job's own address, once."""
    service.answers = [reply("202 Accepted", Location="/jobs/9")]
    task = asyncio.create_task(of(service).run(work(), Said()))
    await until(lambda: len(service.asked) > 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert service.lines[-1] == "DELETE /jobs/9"


async def test_it_may_take_as_long_as_its_runner_says(service: Service) -> None:
    service.answers = [silent]
    with pytest.raises(Failed, match=r"time limit of 0\.2 s"):
        await of(service, timeout=0.2).run(work(), Said())


@pytest.mark.parametrize(
    ("text", "keys", "says"),
    [
        ("http!", {}, "'' is no address. It must be an address such as http!https://"),
        ("http!reports.example.com/jobs", {}, "is no address"),
        ("http!ftp://x/", {}, "is no address"),
        ("http!http://", {}, "is no address"),
        ("http!http://x:99999/", {}, "is no address"),
        ("http!http://[::1/", {}, "is no address"),
        ("http!http://a b/", {}, "is no address"),
        ("http!http://%ID.example.com/", {}, "is no address"),
        ("http!http://user:geheim17@x/", {}, "the address holds a user, a password or a fragment"),
        (
            "http!http://x/",
            {"settings": {"token": "a b"}},
            "runner.report.settings.token: it is no token",
        ),
        ("http!http://x/", {"settings": {"token": 7}}, "settings.token: it is no token"),
    ],
)
def test_what_is_no_address_is_refused(text: str, keys: dict[str, Any], says: str) -> None:
    """And a password in it is not repeated."""
    with pytest.raises(SettingsError, match=says) as raised:
        runner(text, **keys)
    assert "geheim17" not in str(raised.value)
