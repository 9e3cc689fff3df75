"""The forms of commands in Slack, from what was typed to the job: the strict server's modals, and
the real dispatcher."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from baton.bus.facts import RunnerFacts
from baton_slack_testing import Fails, Hang, Person, Reply, SlackServer
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.fronts.slack import SlackChat, Tokens
from bot.jobs import Job
from bot.store import Store
from tests.bot.counter import Counter
from tests.bot.worker import runner
from tests.bot.world import Stage, away, beat
from tests.support.wait import until

POLICY = Policy(
    [Rule(who=("U_ANN",)), Rule(who=("U_BEN",), environments=("staging",))],
    {"prod": EnvironmentTable(protected=True)},
)
Json = dict[str, Any]


@pytest.fixture
async def counter(store: Store) -> Counter:
    """A dispatcher that knows servers in prod and staging."""
    return Counter(store, POLICY)


@pytest.fixture
async def listen(slack: SlackServer, counter: Counter) -> AsyncIterator[Callable[[], Any]]:
    """Starts a bot's Slack side before the dispatcher; the first has started."""
    stack = AsyncExitStack()

    async def another() -> SlackChat:
        tokens = Tokens(slack.bot_token, slack.app_token)
        chat = SlackChat(counter.dispatcher, tokens, api_url=slack.url)
        before = len(slack.socket.connections)
        stack.push_async_callback(chat.close)
        await chat.start()
        await slack.connected(before + 2)
        return chat

    async with stack:
        await another()
        yield another


@pytest.fixture
def ann(slack: SlackServer, listen: Callable[[], Any]) -> Person:
    return slack.person("U_ANN", name="ann")


async def jobs(counter: Counter) -> list[Job]:
    """What was begun, the first first."""
    return list(reversed(await counter.store.ledger.recent(20)))


async def opened(slack: SlackServer) -> Json:
    """The modal that is open."""
    (view,) = await slack.until(lambda: slack.views)
    return view


async def pressed(slack: SlackServer, person: Person, reply: Reply) -> Json:
    """The modal that the button under what a person was told opens."""
    (told,) = reply.shown
    await person.clicks(told, "baton_form")
    return await opened(slack)


def worked(counter: Counter, *runners: RunnerFacts) -> None:
    """A worker is heard, which declares these runners."""
    message = beat("worker-1", "prod")
    counter.servers.record(
        message.model_copy(update={"facts": message.facts.model_copy(update={"runners": runners})})
    )


async def test_a_command_without_arguments_opens_its_form(
    slack: SlackServer, counter: Counter, ann: Person
) -> None:
    """In place of the usage; what is filled in starts the job that the words would have started,
    in the channel where it was asked, and the audit log has those words."""
    reply = await ann.slash("/baton ship", channel="C_OPS")
    assert reply.acked_after is not None
    assert reply.shown == []
    view = await opened(slack)
    sent = await ann.submits(view, channel="C_OPS", **{"f-app": "shop", "f-environment": "prod"})
    assert (sent.error, sent.problems, slack.views) == (None, {}, [])
    (job,) = await jobs(counter)
    assert (job.title, job.asked_by.id) == ("ship shop prod", "U_ANN")
    assert (job.place.channel, job.place.thread, job.place.name) == ("C_OPS", "", "ops")
    entry = await counter.audit()
    assert (entry.words, entry.verdict, entry.job) == ("ship shop prod", "allowed", job.id)
    assert "Started job" in str(await slack.until(lambda: sent.ephemeral))


async def test_what_is_missing_is_asked_for_by_a_button(
    slack: SlackServer, counter: Counter, ann: Person
) -> None:
    """Under the usage, as it always was; the form has what was typed already. An ephemeral message
    has no thread: the job is in the channel."""
    reply = await ann.slash("/baton ship shop --ref v2", channel="C_OPS")
    assert "ENVIRONMENT is missing.\nUsage: /baton ship APP ENVIRONMENT" in str(reply.ephemeral)
    view = await pressed(slack, ann, reply)
    await ann.submits(view, channel="C_OPS", **{"f-environment": "staging"})
    (job,) = await jobs(counter)
    assert (job.title, job.place.thread) == ("ship shop staging --ref v2", "")


async def test_help_has_the_button_too(slack: SlackServer, ann: Person) -> None:
    """Of a command that has something to fill in."""
    reply = await ann.slash("/baton help ship", channel="C_OPS")
    view = await pressed(slack, ann, reply)
    assert view["title"]["text"] == "/ship"
    for line in ("help", "help console"):
        (told,) = (await ann.slash(f"/baton {line}", channel="C_OPS")).shown
        assert told.blocks == []


async def test_a_form_asked_in_a_thread_starts_its_job_there(
    slack: SlackServer, counter: Counter, ann: Person
) -> None:
    """By a mention, which opens no form by itself."""
    root = await ann.says("an incident", channel="C_OPS")
    await ann.says("@baton ship", channel="C_OPS", thread_ts=root.ts)
    (told,) = await slack.until(lambda: slack.channel("C_OPS").ephemerals)
    assert slack.views == []
    await ann.clicks(told, "baton_form")
    view = await opened(slack)
    await ann.submits(view, channel="C_OPS", **{"f-app": "shop", "f-environment": "prod"})
    assert [job.place.thread for job in await jobs(counter)] == [root.ts]


async def test_what_is_wrong_stands_at_its_field(
    slack: SlackServer, counter: Counter, ann: Person
) -> None:
    """The form stays open, and is sent again: the job starts once it is right."""
    await ann.slash("/baton ship", channel="C_OPS")
    view = await opened(slack)
    said = {"f-app": "sh op", "f-environment": "prod"}
    fields = {each["block_id"]: each["element"] for each in view["blocks"][1:]}
    fields["f-app"]["type"] = "plain_text_input"  # as if there were too many apps for a list
    sent = await ann.submits(view, channel="C_OPS", **said)
    assert list(sent.problems) == ["f-app"]
    assert "letters, digits" in sent.problems["f-app"]
    sent = await ann.submits(view, channel="C_OPS", **{**said, "f-app": "shop", "f-ref": "a..b"})
    assert list(sent.problems) == ["f-ref"]
    sent = await ann.submits(view, channel="C_OPS", **{**said, "f-app": "shop", "when": "tomorow"})
    assert list(sent.problems) == ["when"]
    assert await jobs(counter) == []
    sent = await ann.submits(view, channel="C_OPS", **{**said, "f-app": "shop"})
    assert sent.problems == {}
    assert [job.title for job in await jobs(counter)] == ["ship shop prod"]


async def test_how_servers_are_gone_through_is_kept_in_the_form(
    slack: SlackServer, counter: Counter, ann: Person
) -> None:
    """What was typed beside an unfinished command is in the form that completes it; what is wrong
    with it stands at its field."""
    view = await pressed(
        slack, ann, await ann.slash("/baton ship shop --canary 1", channel="C_OPS")
    )
    fields = {each["block_id"]: each["element"] for each in view["blocks"][1:]}
    assert fields["rollout"]["initial_value"] == "--canary 1"
    said = {"f-environment": "prod"}
    sent = await ann.submits(view, channel="C_OPS", **said, rollout="--wave some")
    assert list(sent.problems) == ["rollout"]
    sent = await ann.submits(view, channel="C_OPS", **said)
    assert sent.problems == {}
    (job,) = await jobs(counter)
    assert job.hold is not None
    assert job.hold.rollout is not None
    assert job.hold.rollout.settings.canary == 1


async def test_a_time_makes_a_schedule_of_it(
    slack: SlackServer, counter: Counter, ann: Person
) -> None:
    """As the words would: /schedule, the command, and the time."""
    await ann.slash("/baton hail", channel="C_OPS")
    said = {"f-environment": "prod", "when": "weekdays at 9am"}
    sent = await ann.submits(await opened(slack), channel="C_OPS", **said)
    assert sent.problems == {}
    (schedule,) = await counter.store.schedules.in_channel("slack", "C_OPS")
    assert schedule.words == "hail prod"
    assert (await counter.audit()).words == "schedule hail prod weekdays at 9am"


async def test_the_rules_count_when_a_form_is_sent(
    slack: SlackServer, counter: Counter, listen: Callable[[], Any]
) -> None:
    """Whoever may not is told in the form, and was offered nothing that they may not see."""
    ben = slack.person("U_BEN", name="ben")
    await ben.slash("/baton ship", channel="C_OPS")
    view = await opened(slack)
    assert "prod" not in json.dumps(view)
    fields = {each["block_id"]: each["element"] for each in view["blocks"][1:]}
    fields["f-environment"]["type"] = "plain_text_input"
    said = {"f-app": "shop", "f-environment": "prod"}
    sent = await ben.submits(view, channel="C_OPS", **said)
    assert sent.problems["when"].startswith("Not allowed: /baton ship shop in prod.")
    assert (await counter.audit()).verdict == "refused"
    assert await jobs(counter) == []
    guest = slack.person("U_EVE", guest="single")
    told = await guest.slash("/baton ship", channel="C_OPS")
    assert (len(slack.views), told.shown[0].blocks) == (1, [])


@pytest.mark.parametrize("change", ["person", "channel", "command"])
async def test_a_form_that_is_not_as_we_made_it_is_not_taken(
    slack: SlackServer, counter: Counter, ann: Person, change: str
) -> None:
    """Whoever sends another's, or one whose place or command was changed, gains no right by that:
    they read that it cannot be read."""
    await ann.slash("/baton ship", channel="C_OPS")
    view, sender = await opened(slack), ann
    state = view["private_metadata"]
    if change == "person":
        sender = slack.person("U_GUS", name="gus")
    elif change == "channel":
        view["private_metadata"] = state.replace("C_OPS", "C_TOP")
    else:
        view["private_metadata"] = state.replace('"ship"', '"hail"')
    said = {"f-app": "shop", "f-environment": "prod"}
    sent = await sender.submits(view, channel="C_OPS", **said)
    assert "This form cannot be read" in sent.problems["when"]
    assert await jobs(counter) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ship", {"f-app": "shop", "f-environment": "prod"}),
        ("forget", {"f-host": "web-9"}),
    ],
)
async def test_a_form_that_is_sent_twice_is_done_once(
    slack: SlackServer,
    counter: Counter,
    ann: Person,
    listen: Callable[[], Any],
    line: str,
    said: dict[str, str],
) -> None:
    """Slack delivers it again to the same bot, or to another one: a job, or what the bot does
    itself."""
    await ann.slash(f"/baton {line}", channel="C_OPS")
    sent = await ann.submits(await opened(slack), channel="C_OPS", **said)
    assert sent.problems == {}
    assert await (await slack.redeliver(sent.delivery)).done
    other = await listen()
    assert other._deliveries is not None
    answers: list[Json] = []

    async def ack(id: str, answer: Any) -> bool:
        answers.append(answer)
        return True

    request: Any = type("Request", (), {"type": "interactive", "envelope_id": "E1"})
    request.payload = sent.delivery.payload
    await other._deliveries.take(request, ack)
    assert answers == [{}]
    entries = await counter.store.audit.recent(9)
    assert [entry.verdict for entry in entries].count("allowed") == 1
    assert len(await jobs(counter)) == (line == "ship")


async def test_without_a_form_the_words_are_told(
    slack: SlackServer, counter: Counter, ann: Person
) -> None:
    """Slack opens none 3 s after a click: people read what to do, with the button once more."""
    slack.triggers.seconds = -1.0
    reply = await ann.slash("/baton ship", channel="C_OPS")
    assert "APP is missing" in str(reply.ephemeral)
    clicked = await ann.clicks(reply.shown[0], "baton_form")
    told = str(await slack.until(lambda: clicked.ephemeral))
    assert "Slack does not show the form now. Press the button again" in told
    assert "Usage: /baton ship APP ENVIRONMENT" in told
    slack.triggers.seconds = 3.0
    await ann.clicks(clicked.shown[0], "baton_form")
    assert (await opened(slack))["title"]["text"] == "/ship"


async def test_without_the_database_the_form_says_so_and_stays(
    slack: SlackServer, counter: Counter, ann: Person
) -> None:
    """It opens all the same, and can be sent again when the database is back."""
    said = {"f-app": "shop", "f-environment": "prod"}
    with away(counter.store):
        await ann.slash("/baton ship", channel="C_OPS")
        view = await opened(slack)
        sent = await ann.submits(view, channel="C_OPS", **said)
        assert sent.acked_after is not None
        assert sent.acked_after < 3
        assert "its disk is full" in sent.problems["when"]
    await ann.submits(view, channel="C_OPS", **said)
    assert [job.title for job in await jobs(counter)] == ["ship shop prod"]


@pytest.mark.slow
async def test_usage_is_read_in_time_though_no_form_can_be_opened(
    slack: SlackServer, ann: Person
) -> None:
    """Slack's Web API hangs: the answer to a slash command does not need it."""
    await ann.slash("/baton hail prod", channel="C_OPS")
    slack.faults.add("views.open", Hang(), times=None)
    reply = await ann.slash("/baton ship", channel="C_OPS")
    assert "APP is missing" in str(reply.ephemeral)
    assert reply.acked_after is not None
    assert reply.acked_after < 3


async def test_a_form_that_slack_refuses_leaves_the_usage(slack: SlackServer, ann: Person) -> None:
    """Whatever its reason is."""
    slack.faults.add("views.open", Fails("invalid_arguments"))
    reply = await ann.slash("/baton ship", channel="C_OPS")
    assert "APP is missing" in str(reply.ephemeral)


async def test_a_runner_has_its_form_as_soon_as_a_worker_declares_it(
    slack: SlackServer, counter: Counter, ann: Person
) -> None:
    """By each of its names, without a restart; one that was open when the declaration changed says
    at the field what is no more, and that something is missing."""
    reply = await ann.slash("/run report", channel="C_OPS")
    assert "No worker has a runner" in str(reply.ephemeral)
    worked(counter, runner())
    await ann.slash("/run report", channel="C_OPS")
    view = await opened(slack)
    sent = await ann.submits(view, channel="C_OPS", **{"f-month": "may"})
    assert sent.problems == {}
    assert [job.title for job in await jobs(counter)] == ["report may"]
    await ann.slash("/baton report", channel="C_OPS")
    view = await opened(slack)
    worked(counter, runner(arguments={"year": {"type": "integer"}}))
    sent = await ann.submits(view, channel="C_OPS", **{"f-month": "may", "f-copies": ""})
    assert "The command has changed" in sent.problems["f-month"]
    slack.views.clear()
    await ann.slash("/run report", channel="C_OPS")
    assert "f-year" in json.dumps(await opened(slack))
    worked(counter)
    sent = await ann.submits(await opened(slack), channel="C_OPS", **{"f-year": "2026"})
    assert "Unknown command “report”" in sent.problems["when"]


async def test_what_the_bot_answers_itself_has_forms(
    slack: SlackServer, counter: Counter, ann: Person
) -> None:
    """Options with their choices and defaults; words that are taken as they come in one field."""
    await ann.slash("/baton token", channel="C_OPS")
    fields = {each["block_id"]: each for each in (await opened(slack))["blocks"][1:]}
    assert "when" not in fields
    options = [each["value"] for each in fields["f-action"]["element"]["options"]]
    assert options == ["new", "list", "revoke"]
    assert fields["f-days"]["element"]["initial_value"].isdigit()
    slack.views.clear()
    reply = await ann.slash("/baton help alerts", channel="C_OPS")
    view = await pressed(slack, ann, reply)
    await ann.submits(view, channel="C_OPS", **{"f-words": "why <web-1> & &lt;"})
    assert (await counter.audit()).words == "alerts why &lt;web-1&gt; &amp; &amp;lt;"


async def test_a_form_starts_a_job_that_its_thread_shows(slack: SlackServer, stage: Stage) -> None:
    """From the click to the server and back: the post is in the channel as if it had been typed."""
    bot = await stage.bot()
    chat = SlackChat(bot.dispatcher, Tokens(slack.bot_token, slack.app_token), api_url=slack.url)
    bot.show_in(chat.front, chat.people)
    agent = await stage.agent("web-1")
    await agent.beat()
    await stage.knows(bot, "web-1")
    await chat.start()
    await slack.connected(2)
    try:
        ann = slack.person("U_ANN", name="ann")
        reply = await ann.slash("/baton ship shop", channel="C_OPS")
        view = await pressed(slack, ann, reply)
        await ann.submits(view, channel="C_OPS", **{"f-environment": "prod"})
        (post,) = await slack.until(lambda: slack.channel("C_OPS").messages)
        await until(lambda: "succeeded" in post.plain and "ship shop prod" in post.plain)
        await until(lambda: any("web-1" in each.plain for each in post.replies))
    finally:
        await chat.close()
