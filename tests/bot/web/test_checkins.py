"""Check-ins: `/checkin/TOKEN`, as cron jobs and other services call it."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from bot.ingest.model import CheckInPing, Phase, SenderTokens
from bot.web.ingest import MAX_TEXT
from bot.web.tokens import RateLimit
from tests.bot.web.conftest import NOW, Away, Opened, Site
from tests.support.wait import until


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_any_of_three_methods(site: Site, method: str) -> None:
    """curl, wget and whatever else can ask for a URL: each is a sign of life."""
    answer = await site.client.request(method, "/checkin/b-token")
    assert answer.status_code == 200
    assert answer.text == ("" if method == "HEAD" else "OK\n")
    assert site.sink.checkins == [CheckInPing("backup", Phase.DONE, NOW)]


@pytest.mark.parametrize(
    ("path", "phase"),
    [
        ("/checkin/b-token/start", Phase.STARTED),
        ("/checkin/b-token/fail", Phase.FAILED),
        ("/checkin/b-token/0", Phase.DONE),
        ("/checkin/b-token/137", Phase.FAILED),
        ("/checkin/b-token/256", Phase.FAILED),
        ("/checkin/b-token/-1", Phase.FAILED),
        ("/checkin/b-token/3221225477", Phase.FAILED),
        ("/checkin/b-token/000", Phase.DONE),
        ("/checkin/b-token/0xC0000005", Phase.FAILED),
        ("/checkin/b-token/1.5", Phase.FAILED),
        (f"/checkin/b-token/{'1' * 5000}", Phase.FAILED),
        ("/checkin/b-token/error", Phase.FAILED),
        ("/checkin/b-token/log", Phase.NOTED),
        ("/checkin/b-token/", Phase.DONE),
        ("/checkin/b-token/fail/", Phase.FAILED),
        ("/checkin/b-token?status=up&msg=OK&ping=", Phase.DONE),
        ("/checkin/b-token?status=down&msg=no+route&ping=12", Phase.FAILED),
        ("/checkin/b-token?status=fail", Phase.FAILED),
        ("/checkin/b-token?status=OK", Phase.DONE),
        ("/checkin/b-token?status=", Phase.DONE),
    ],
)
async def test_phases(site: Site, path: str, phase: Phase) -> None:
    """The work has begun, has failed, or ended with an exit code: in the path, or as ?status=."""
    assert (await site.client.post(path)).status_code == 200
    assert [checkin.phase for checkin in site.sink.checkins] == [phase]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/checkin/b-token/done-ish", "phase"),
        ("/checkin/b-token/٣", "phase"),
        ("/checkin/b-token/-", "phase"),
        ("/checkin/b-token?status=nope", "status"),
    ],
)
async def test_a_phase_that_is_none(site: Site, path: str, field: str) -> None:
    """400 names the field and what it may be; it is no sign of life."""
    answer = await site.client.get(path)
    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert "exit code" in answer.json()["error"]
    assert site.sink.checkins == []
    assert site.refused.counts == {("checkin/backup", "invalid"): 1}
    assert [finding.about for finding in site.findings] == [{"sender": "checkin/backup"}]


async def test_the_end_of_the_body_is_kept(site: Site) -> None:
    """What the work said goes along, whatever its bytes; of much text, the end."""
    body = b"x" * 50_000 + b"\xff disk full\n"
    await site.client.post("/checkin/r-token/fail", content=body)
    (checkin,) = site.sink.checkins
    assert checkin.name == "reports"
    assert len(checkin.text) < 10_001
    assert checkin.text.endswith("x� disk full")


async def test_the_message_of_a_push_monitor(site: Site) -> None:
    """As Uptime Kuma's push URLs have it; what the body says counts more."""
    await site.client.get("/checkin/b-token?status=down&msg=no+route&ping=")
    await site.client.post("/checkin/b-token/fail?msg=x", content=b"disk full")
    assert [checkin.text for checkin in site.sink.checkins] == ["no route", "disk full"]


async def test_a_body_of_any_size_is_a_sign_of_life(site: Site) -> None:
    """However much the work has to say: its end is kept, and it counts."""
    body = b"x" * 3_000_000 + b" disk full"
    answer = await site.client.post("/checkin/b-token/fail", content=body)
    assert answer.status_code == 200
    (checkin,) = site.sink.checkins
    assert (checkin.phase, len(checkin.text)) == (Phase.FAILED, MAX_TEXT)
    assert checkin.text.endswith("disk full")


async def test_a_body_that_does_not_come_whole_is_a_sign_of_life(opened: Opened) -> None:
    """Who knows the token and says how it went has been heard, though they stop in the middle."""
    site = await opened(body_within=0.1)
    for hangs_up in (False, True):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.web.port)
        head = "POST /checkin/b-token/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
        writer.write(head.encode() + b"disk")
        if hangs_up:
            writer.write_eof()
        else:
            async with asyncio.timeout(60):
                assert b"200" in await reader.readline()
        count = hangs_up + 1
        await until(lambda count=count: len(site.sink.checkins) == count)  # type: ignore[misc]
        writer.close()
        await writer.wait_closed()
    assert {(one.phase, one.text) for one in site.sink.checkins} == {(Phase.FAILED, "disk")}


@pytest.mark.parametrize(
    ("content", "headers", "text"),
    [
        ("Platte voll: größer".encode("latin-1"), {"Content-Type": "text/plain; charset=latin-1"},
         "Platte voll: größer"),
        (gzip.compress(b"disk full", mtime=0), {"Content-Encoding": "gzip"}, "disk full"),
        (b"\x28\xb5", {"Content-Encoding": "zstd"},
         "2 bytes that cannot be read (content-encoding: zstd)"),
        (b"a\x1b]0;title\x07b\nc", {}, "ab\nc"),
    ],
)  # fmt: skip
async def test_whatever_the_bytes(
    site: Site, content: bytes, headers: dict[str, str], text: str
) -> None:
    """What was sent is shown as text where it can be, and never as it came to a terminal."""
    answer = await site.client.post("/checkin/b-token", content=content, headers=headers)
    assert answer.status_code == 200
    assert [checkin.text for checkin in site.sink.checkins] == [text]


@pytest.mark.parametrize("path", ["/checkin/wrong", "/checkin/am-token", "/checkin/%ff%00"])
async def test_a_token_that_is_not_known(
    site: Site, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """401, also for a token that is good elsewhere; the log tells of it without the token."""
    answer = await site.client.post(path)
    assert answer.status_code == 401
    assert answer.json() == {"error": "Unknown check-in token."}
    assert site.sink.checkins == []
    logged = capsys.readouterr().out
    assert "unknown token" in logged
    assert path.rpartition("/")[2] not in logged


@pytest.mark.slow
async def test_knocking_does_not_fill_the_log(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """However often somebody tries, the log has a few lines of it."""
    for number in range(50):
        assert (await site.client.get(f"/checkin/{number}")).status_code == 401
    assert capsys.readouterr().out.count("unknown token") == 5


async def test_a_flood_is_limited_for_each_token(opened: Opened) -> None:
    """429 says when the next one is taken; other tokens do not suffer, and time heals."""
    time = [0.0]
    site = await opened(checkins=RateLimit(rate=0.1, burst=3), monotonic=lambda: time[0])
    answers = [await site.client.get("/checkin/b-token") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["Retry-After"] == "10"
    assert "in 10 s" in answers[-1].json()["error"]
    assert (await site.client.get("/checkin/r-token")).status_code == 200
    time[0] += 10
    assert (await site.client.get("/checkin/b-token")).status_code == 200
    assert len(site.sink.checkins) == 5


async def test_tokens_may_change(opened: Opened) -> None:
    """New tokens count from the next request on; a name that stays has used up what it has."""
    site = await opened(checkins=RateLimit(rate=0.001, burst=1), monotonic=lambda: 0.0)
    assert (await site.client.get("/checkin/b-token")).status_code == 200
    site.sink.tokens = SenderTokens(checkins={"backup": "b-new", "mail": "m-token", "empty": ""})
    assert (await site.client.get("/checkin/r-token")).status_code == 401
    assert (await site.client.get("/checkin/b-token")).status_code == 401
    assert (await site.client.get("/checkin/m-token")).status_code == 200
    assert (await site.client.get("/checkin/b-new")).status_code == 429


async def test_what_cannot_be_kept_is_sent_again(site: Site) -> None:
    """503 with Retry-After, and no word of where our database is."""
    site.sink.fails = Away(reason="10.0.0.7 refused")
    answer = await site.client.get("/checkin/b-token")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.json() == {"error": "Not available at the moment. Send it again."}


async def test_no_token_in_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Not even in one that tells everything: neither what was asked for nor what was refused."""
    caplog.set_level(1)
    for logger in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        caplog.set_level(1, logger)
    await site.client.post("/checkin/b-token/fail", content=b"x")
    await site.client.post("/checkin/b-wrong")
    await site.client.post("/alerts?token=am-token", content=b"{")
    ours = [record for record in caplog.records if not record.name.startswith(("http", "hpack"))]
    told = " ".join(record.getMessage() for record in ours)
    assert not any(token in told for token in ("b-token", "b-wrong", "am-token"))
