"""Posts on Slack: shown once, found again, edited, and errors that say what is known."""

from __future__ import annotations

import time

import aiohttp
import psutil
import pytest

from baton.bus.messages import State
from baton_slack_testing import (
    Fails,
    Hang,
    LostRequest,
    LostResponse,
    RateLimited,
    ServerError,
    SlackServer,
)
from bot.content import Button, JobContent, NoticeContent, OutputContent, Post, Row
from bot.fronts.errors import (
    FrontError,
    MessageDeleted,
    Throttled,
    Uncertain,
    Unpostable,
    Unreachable,
)
from bot.fronts.slack.front import SlackFront
from bot.fronts.slack.web_api.calls import SlackApi
from bot.fronts.slack.web_api.errors import explained
from bot.jobs import Place

OPS = Place("slack", "C_OPS")


def job_post(key: str = "job:j1", state: State = State.RUNNING, percent: int = 50) -> Post:
    rows = (
        Row("web-1", State.RUNNING, "unpacking", percent),
        Row("web-2", State.FAILED, "no disk"),
    )
    buttons = (Button("cancel", "Cancel", "j1", confirm="Stop what is left?", danger=True),)
    content = JobContent("deploy shop prod", "U_ANN", "0 of 2 done", state, rows, (), buttons, "j1")
    return Post(key, content)


async def test_a_post_is_shown_with_its_key(slack: SlackServer, front: SlackFront) -> None:
    """The key travels as metadata; the ref is the message."""
    ref = await front.post(OPS, job_post(), thread="")
    message = slack.channel("C_OPS").message(ref)
    assert message.metadata == {"event_type": "baton_post", "event_payload": {"key": "job:j1"}}
    for words in (
        "<@U_ANN> ran: `deploy shop prod`",
        "web-1: running",
        "▓▓▓▓░░░░ 50 %",
        "no disk",
    ):
        assert words in message.plain
    assert message.text == "▶️ running j1 deploy shop prod: 0 of 2 done"


async def test_an_edit_replaces_all_of_it(slack: SlackServer, front: SlackFront) -> None:
    """With ids that are new, so that Slack's clients draw it anew; the key stays."""
    ref = await front.post(OPS, job_post(), thread="")
    message = slack.channel("C_OPS").message(ref)
    before = {block["block_id"] for block in message.blocks}
    await front.edit(OPS, ref, job_post(percent=90))
    assert "90 %" in message.plain
    assert before.isdisjoint(block["block_id"] for block in message.blocks)
    assert await front.find(OPS, "job:j1", thread="", since=time.time()) == ref


async def test_posts_in_a_thread(slack: SlackServer, front: SlackFront) -> None:
    """A failure said aloud is shown in the channel too."""
    root = await front.post(OPS, job_post(), thread="")
    output = OutputContent("web-1", State.RUNNING, "unpacking", "a\nb", hidden=3, job="j1")
    await front.post(OPS, Post("o", output, parent="job:j1"), thread=root)
    loud = Post("n", NoticeContent("web-2 failed", State.FAILED), "job:j1", broadcast=True)
    await front.post(OPS, loud, thread=root)
    channel = slack.channel("C_OPS")
    assert [message.broadcast for message in channel.thread(root)] == [False, True]
    assert (
        "3 earlier lines are not shown: /baton log j1 --host web-1" in channel.thread(root)[0].plain
    )


@pytest.mark.parametrize("thread", [False, True])
async def test_a_post_whose_answer_was_lost_is_found(
    slack: SlackServer, front: SlackFront, thread: bool
) -> None:
    """It is uncertain whether it is there, and nothing of ours posts it again by itself."""
    root = await front.post(OPS, job_post("root"), thread="") if thread else ""
    since = time.time()
    slack.faults.add("chat.postMessage", LostResponse())
    with pytest.raises(Uncertain):
        await front.post(OPS, job_post(), thread=root)
    found = await front.find(OPS, "job:j1", thread=root, since=since)
    assert found is not None
    assert "deploy shop prod" in slack.channel("C_OPS").message(found).plain
    assert await front.find(OPS, "job:j2", thread=root, since=since) is None
    assert slack.calls.counts["chat.postMessage"] == (2 if thread else 1)


async def test_finding_looks_through_all_pages(slack: SlackServer, front: SlackFront) -> None:
    """A busy channel has more than one page of messages since then; what is older is not read."""
    since = time.time()
    ref = await front.post(OPS, job_post(), thread="")
    ann = slack.person("U_ANN")
    for at in range(450):
        await ann.says(f"talk {at}", channel="C_OPS")
    assert await front.find(OPS, "job:j1", thread="", since=since) == ref
    assert slack.calls.counts["conversations.history"] == 3
    assert await front.find(OPS, "job:j1", thread="", since=since + 3600) is None


async def test_others_cannot_pass_a_message_off_as_ours(
    slack: SlackServer, front: SlackFront
) -> None:
    """The same metadata on a person's message is not our post."""
    ref = await front.post(OPS, job_post(), thread="")
    slack.channel("C_OPS").message(ref).bot = False
    assert await front.find(OPS, "job:j1", thread="", since=0) is None


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (RateLimited(1.5), Throttled),
        (ServerError(503), Uncertain),
        (LostResponse(), Uncertain),
        (LostRequest(), Uncertain),
        (Fails("internal_error"), Uncertain),
        (Fails("fatal_error"), Uncertain),
        (Fails("invalid_auth"), Unreachable),
        (Fails("token_revoked"), Unreachable),
        (Fails("request_timeout"), Unreachable),
        (Fails("is_archived"), Unpostable),
        (Fails("restricted_action"), Unpostable),
        (Fails("something_new"), Unpostable),
        (Fails("message_not_found"), MessageDeleted),
        (Fails("thread_not_found"), Unpostable),
    ],
)
async def test_what_an_error_means(
    slack: SlackServer, front: SlackFront, fault: object, error: type[FrontError]
) -> None:
    """Whether the message may be there, was not sent, or never will be; one call was made."""
    slack.faults.add("chat.postMessage", fault)  # type: ignore[arg-type]
    with pytest.raises(error) as raised:
        await front.post(OPS, job_post(), thread="")
    assert isinstance(raised.value, error)
    assert slack.calls.counts["chat.postMessage"] == 1


async def test_retry_after_may_be_a_fraction(slack: SlackServer, front: SlackFront) -> None:
    """It is passed on as it is."""
    slack.faults.add("chat.update", RateLimited(1.5))
    with pytest.raises(Throttled) as raised:
        await front.edit(OPS, "1.0", job_post())
    assert raised.value.seconds == 1.5


@pytest.mark.parametrize("named", ["0", "-3", "0.01"])
async def test_a_wait_that_is_none_is_a_wait(named: str) -> None:
    """Slack that says 0 would have us call it in a loop: at least a second, longer each time."""
    waits = [explained("x", 429, {}, named, before).facts["seconds"] for before in range(8)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize(
    ("named", "seconds"),
    [("7", 7), ("1.5", 1.5), ("nan", 5), ("inf", 3600), ("1e999", 3600), ("soon", 5), (None, 5)],
)
def test_a_wait_is_a_number_of_seconds(named: str | None, seconds: float) -> None:
    """And none that never ends."""
    assert explained("x", 429, {}, named).facts["seconds"] == seconds


async def test_calls_count_how_often_they_were_refused(slack: SlackServer, calls: SlackApi) -> None:
    """Those that were refused together count once; one that is taken ends the count."""
    for wanted in (1, 1, 1):
        slack.faults.add("auth.test", RateLimited(0))
        with pytest.raises(Throttled) as raised:
            await calls.change("auth.test")
        assert raised.value.seconds in (wanted, 2 * wanted)
    await calls.change("auth.test")
    slack.faults.add("auth.test", RateLimited(0))
    with pytest.raises(Throttled) as raised:
        await calls.change("auth.test")
    assert raised.value.seconds == 1


async def test_slack_away(slack: SlackServer, front: SlackFront) -> None:
    """A refused connection means surely not sent."""
    await slack.down()
    with pytest.raises(Unreachable, match="was not sent"):
        await front.post(OPS, job_post(), thread="")
    await slack.up()


async def test_a_post_that_times_out_is_perhaps_there(slack: SlackServer) -> None:
    """Our own patience ends: nobody knows."""
    calls = SlackApi(slack.bot_token, slack.url, aiohttp.ClientTimeout(total=5, sock_read=0.2))
    slack.faults.add("chat.postMessage", Hang())
    with pytest.raises(Uncertain):
        await SlackFront(calls).post(OPS, job_post(), thread="")
    slack.faults.add("conversations.history", Hang())
    with pytest.raises(Unreachable):
        await SlackFront(calls).find(OPS, "k", thread="", since=0)
    await calls.close()


async def test_a_deleted_message_is_gone(slack: SlackServer, front: SlackFront) -> None:
    """Whoever edits it learns that it must be posted anew."""
    ref = await front.post(OPS, job_post(), thread="")
    channel = slack.channel("C_OPS")
    channel.remove(channel.message(ref))
    with pytest.raises(MessageDeleted):
        await front.edit(OPS, ref, job_post(percent=90))
    assert await front.find(OPS, "job:j1", thread="", since=0) is None
    assert await front.find(OPS, "job:j1", thread=ref, since=0) is None


async def test_a_channel_without_the_bot(slack: SlackServer, front: SlackFront) -> None:
    """The error says what people can do."""
    slack.add_channel("C_NEW", "new", has_bot=False)
    with pytest.raises(Unpostable, match="/invite @baton"):
        await front.post(Place("slack", "C_NEW"), job_post(), thread="")
    with pytest.raises(Unpostable, match="/invite @baton"):
        await front.post(Place("slack", "C_NONE"), job_post(), thread="")


async def test_a_workspace_without_plans_gets_sections() -> None:
    """They say the same; that plans are refused is remembered."""
    async with SlackServer(plan_blocks=False) as slack:
        calls = SlackApi(slack.bot_token, slack.url)
        front = SlackFront(calls)
        ref = await front.post(OPS, job_post(), thread="")
        plain = slack.channel("C_OPS").message(ref).plain
        for words in ("web-1: running", "▓▓▓▓░░░░ 50 %", "web-2: failed", "no disk"):
            assert words in plain
        await front.edit(OPS, ref, job_post(percent=90))
        assert slack.calls.counts["chat.postMessage"] == 2
        assert slack.calls.counts["chat.update"] == 1
        await calls.close()


async def test_blocks_that_slack_never_takes(slack: SlackServer, front: SlackFront) -> None:
    """The words alone are shown: what ended is told whatever Slack thinks of our blocks."""
    slack.faults.add("chat.postMessage", Fails("invalid_blocks"), times=2)
    ref = await front.post(OPS, job_post(), thread="")
    message = slack.channel("C_OPS").message(ref)
    assert (message.plain, message.blocks) == ("▶️ running j1 deploy shop prod: 0 of 2 done", [])


async def test_a_scope_that_was_taken_away_is_named() -> None:
    """With what to do about it."""
    async with SlackServer(scopes=["chat:write"]) as poor:
        calls = SlackApi(poor.bot_token, poor.url)
        with pytest.raises(Unpostable, match=r"channels:history from manifest\.yml"):
            await SlackFront(calls).find(OPS, "k", thread="", since=0)
        await calls.close()


async def test_a_file_in_the_thread(slack: SlackServer, front: SlackFront) -> None:
    """The whole text, under its name; a lost answer in between is an error like any other."""
    root = await front.post(OPS, job_post(), thread="")
    await front.upload_file(OPS, root, "j1-web-1.txt", "é" * 10_000)
    file = slack.files[0]
    assert (file.name, file.thread_ts) == ("j1-web-1.txt", root)
    assert file.content == ("é" * 10_000).encode()
    assert await front.find(OPS, "j1-web-1.txt", thread=root, since=0) is not None
    assert await front.find(OPS, "j1-web-2.txt", thread=root, since=0) is None
    slack.faults.add("files.completeUploadExternal", LostResponse())
    with pytest.raises(Uncertain):
        await front.upload_file(OPS, root, "x.txt", "x")
    slack.faults.add("upload", ServerError())
    with pytest.raises(FrontError):
        await front.upload_file(OPS, root, "x.txt", "x")


async def test_one_session_is_shared(slack: SlackServer, front: SlackFront) -> None:
    """Connections are kept: a session for each call halves what can be posted."""
    for at in range(5):
        await front.post(OPS, job_post(f"k{at}"), thread="")
    port = int(slack.origin.rpartition(":")[2])
    mine = psutil.Process().net_connections("tcp")
    assert [each.raddr[1:] for each in mine].count((port,)) == 1


async def test_a_whisper_finds_its_way(slack: SlackServer, front: SlackFront) -> None:
    """In the thread, or, where the bot may not post, in a direct message; never as a mention."""
    ann = slack.person("U_ANN")
    root = await front.post(OPS, job_post(), thread="")
    await front.send_ephemeral(Place("slack", "C_OPS", root), "U_ANN", "psst <!channel>")
    assert slack.channel("C_OPS").ephemerals[0].thread_ts == root
    assert ann.ephemerals == ["psst &lt;!channel&gt;"]
    slack.add_channel("C_NEW", "new", has_bot=False)
    await front.send_ephemeral(Place("slack", "C_NEW"), "U_ANN", "psst")
    assert [message.plain for message in slack.channel("D_ANN").messages] == ["psst"]
