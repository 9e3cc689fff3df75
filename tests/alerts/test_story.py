from __future__ import annotations

from alerts import Sample
from tests.alerts.harness import (
    START,
    Message,
    World,
    acknowledge,
    bad,
    beat,
    blind,
    check_in,
    config,
    good,
    reload,
    restart,
    seeing,
    silence,
    text_of,
    thing,
)

WEB_1, WEB_2, WEB_3 = thing("web-1"), thing("web-2"), thing("web-3")


def test_one_alert_from_firing_to_resolved() -> None:
    """A group is told group_wait after its first alert; the same post says that it is over."""
    world = World()
    world.at(0, bad(WEB_1, "status 502"))
    world.want(Message("ops", "http web-1 in prod", "firing"), between=(30, 30))
    world.at(750, good(WEB_1))
    world.run(until=5000)
    post = world.post("web-1")
    assert post.state == "resolved"
    assert post.lines == ("resolved after 12 min 30 s",)
    assert post.rows[0][2] == "was: status 502"
    assert post.buttons == ()


def test_resolved_before_it_was_told() -> None:
    """What has resolved before the first flush is never told."""
    world = World()
    world.at(0, bad(WEB_1))
    world.at(29, good(WEB_1))
    world.run(until=5000)
    assert world.posts == {}


def test_grouping() -> None:
    """Alerts with the same values of group_by share a post, one message for all."""
    world = World(config(group_by=["env", "alertname"]))
    world.at(0, bad(WEB_1))
    world.at(10, bad(WEB_2), bad(WEB_3), bad(thing("db-1", name="tcp")))
    world.want(Message("ops", "http in prod: 3 alerts", rows=3), between=(30, 30))
    world.want(Message("ops", "tcp db-1"), between=(40, 40))
    world.run(until=1000)


def test_what_joins_later_waits_for_the_interval() -> None:
    """The post shows a new alert at once; people are told of it group_interval after the last
    message."""
    world = World(config(group_by=["env"]))
    world.at(0, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(60, bad(WEB_2))
    world.at(61, lambda world: world.post("web-2"))
    world.want(Message("ops", "Also firing: http web-2 in prod"), between=(330, 330))
    world.run(until=5000)


def test_what_joins_and_resolves_between_is_no_message() -> None:
    world = World(config(group_by=["env"]))
    world.at(0, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(60, bad(WEB_2))
    world.at(90, good(WEB_2))
    world.run(until=5000)


def test_said_again() -> None:
    """What nobody takes on is said again after repeat_interval."""
    world = World(config(repeat_interval="1h"))
    world.at(0, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.want(Message("ops", "Still firing: 1"), between=(3630, 3630))
    world.want(Message("ops", "Still firing: 1"), between=(7230, 7230))
    world.run(until=10_000)


def test_acknowledged_is_not_said_again() -> None:
    """An acknowledged episode is not repeated, and its post says who took it on."""
    world = World(config(repeat_interval="1h"))
    world.at(0, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(60, acknowledge(WEB_1))
    world.run(until=100_000)
    assert world.post("web-1").state == "acknowledged"
    assert "taken on by U_ANN" in text_of(world.post("web-1"))


def test_a_new_trigger_is_a_new_episode() -> None:
    """A trigger after the end is the next episode: within the interval in the same post, then in a
    new one."""
    world = World()
    world.at(0, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(100, good(WEB_1))
    world.at(200, bad(WEB_1))
    world.want(Message("ops", "Also firing: http web-1"), between=(330, 330))
    world.at(400, good(WEB_1))
    world.at(2000, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(2030, 2030))
    world.run(until=3000)
    (episode,) = world.engine.firing()
    assert episode.number == 3
    assert {key for key in world.posts if not world.posts[key].parent} == {
        f"alert/{key}/{number}"
        for key in [next(iter(world.posts)).split("/")[1]]
        for number in (1, 2)
    }


def test_down_after_n_and_up_after_m() -> None:
    """By default something is down after 3 bad results in a row, and up after 2 good ones."""
    world = World(config("[thresholds]\n[flapping]\nhigh = 100"))
    story = (bad(WEB_1), bad(WEB_1), good(WEB_1), bad(WEB_1), bad(WEB_1), bad(WEB_1))
    for when, act in enumerate(story, start=1):
        world.at(when * 10, act)
    world.want(Message("ops", "web-1"), between=(90, 90))
    world.at(100, good(WEB_1))
    world.at(110, bad(WEB_1))
    world.at(120, good(WEB_1))
    world.at(129, lambda world: _state(world, "firing"))
    world.at(130, good(WEB_1))
    world.at(131, lambda world: _state(world, "resolved"))
    world.run(until=300)


def _state(world: World, state: str) -> None:
    assert world.post("web-1").state == state


def test_a_probe_has_thresholds_of_its_own() -> None:
    more = '[[probe]]\nname = "shop"\ntcp = "127.0.0.1:80"\ndown_after = 2\n'
    world = World(config(more))
    world.at(0, bad(WEB_1, source="probe/shop"))
    world.at(50, good(WEB_1, source="probe/shop"))
    world.at(100, bad(WEB_1, source="probe/shop"))
    world.at(110, bad(WEB_1, source="probe/shop"))
    world.want(Message("ops", "web-1"), between=(140, 140))
    world.run(until=300)


def test_flapping_is_told_once() -> None:
    """Flapping: one message when it starts, silence, and the true state when it ends."""
    world = World()
    for count in range(40):
        world.at(count * 40, (bad if count % 2 == 0 else good)(WEB_1))
    world.want(Message("ops", "web-1", "firing"), between=(30, 30))
    world.want(Message("ops", "Flapping: http web-1", "flapping"), between=(330, 330))
    world.every(10, good(WEB_1), first=1600, last=2000)
    world.run(until=5000)
    assert world.post("web-1").state == "resolved"


def test_flapping_from_the_start_is_one_message() -> None:
    """What flaps before it was ever told is told as flapping, once."""
    world = World()
    for count in range(40):
        world.at(count * 10, (bad if count % 2 == 0 else good)(WEB_1))
    world.want(Message("ops", "web-1", "flapping"), between=(70, 70))
    world.every(10, good(WEB_1), first=400, last=1000)
    world.run(until=5000)
    assert world.post("web-1").state == "resolved"


def test_flapping_that_ends_down() -> None:
    """The true state is said when flapping ends, and people on call are not called twice for
    it."""
    world = World(config(mention="@oncall"))
    for count in range(40):
        act = bad(WEB_1, severity="critical") if count % 2 == 0 else good(WEB_1)
        world.at(count * 40, act)
    world.want(Message("ops", "web-1", "firing", mention="@oncall"), between=(30, 30))
    # the third episode is another one, so people are called for it
    world.want(Message("ops", "Flapping", "flapping", mention="@oncall"), between=(330, 330))
    world.every(10, bad(WEB_1, severity="critical"), first=1600, last=2000)
    world.want(Message("ops", "Also firing", "firing", mention=""), between=(1700, 1800))
    world.run(until=5000)


def test_flapping_ends_by_time_alone() -> None:
    """Changes older than the window do not count, even if nothing more is seen."""
    world = World(config('[flapping]\nwindow = "10m"'))
    for count in range(11):
        world.at(count * 40, (bad if count % 2 == 0 else good)(WEB_1))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.want(Message("ops", "Flapping"), between=(330, 330))
    world.want(Message("ops", "Also firing"), between=(840, 840))
    world.run(until=2000)


def test_silence() -> None:
    """What is silenced is not told until the silence ends, and then only if it still fires."""
    world = World()
    world.at(0, silence("host=web-1", 600), silence("host=web-2", 600))
    world.at(10, bad(WEB_1), bad(WEB_2), bad(WEB_3))
    world.want(Message("ops", "web-3"), between=(40, 40))
    world.at(300, good(WEB_2))
    world.want(Message("ops", "web-1"), between=(630, 630))
    world.run(until=5000)


def test_what_resolves_in_silence_is_never_shown() -> None:
    """Not in the post of others either; that it is there is said while it fires."""
    world = World(config(group_by=["env"]))
    world.at(0, silence("host=web-2", 6000))
    world.at(10, bad(WEB_1), bad(WEB_2))
    world.want(Message("ops", "web-1", rows=1), between=(40, 40))
    world.at(50, lambda world: _says(world, "1 more not shown: silenced by U_ANN: disk"))
    world.at(100, good(WEB_2))
    world.run(until=1000)
    assert "web-2" not in text_of(world.post("web-1"))


def test_a_silence_is_lifted() -> None:
    world = World()
    world.at(0, silence("host=web-1", 6000))
    world.at(10, bad(WEB_1))
    world.at(100, lambda world: world.engine.unsilence(world.engine.silences()[0].id, _now(world)))
    world.want(Message("ops", "web-1"), between=(130, 130))
    world.run(until=5000)


def test_silencing_what_was_told() -> None:
    """A post says that it is silenced, by whom and why; it is not said again meanwhile."""
    world = World(config(repeat_interval="1h"))
    world.at(0, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(60, silence("host=web-1", 7200))
    world.at(61, lambda world: _says(world, "silenced by U_ANN: disk"))
    world.want(Message("ops", "Still firing"), between=(7260, 7260))
    world.run(until=8000)


def _says(world: World, text: str) -> None:
    assert text in text_of(world.post("web-1"))


def _now(world: World) -> float:
    from tests.alerts.harness import START

    return START + world.now


def test_maintenance_once_and_again() -> None:
    """In a maintenance window nothing is told; what still fires at its end is."""
    more = """
        [[maintenance]]
        match = "env=prod"
        reason = "new disks"
        cron = "0 * * * *"
        length = "10m"
        """
    world = World(config(more))
    # the story begins at 15:06:40 UTC; the next full hour is 3200 s into it
    world.at(3300, bad(WEB_1), bad(WEB_2))
    world.at(3500, good(WEB_2))
    world.want(Message("ops", "web-1"), between=(3830, 3830))
    world.run(until=6000)


def test_a_dead_server_mutes_its_apps() -> None:
    """While a server is silent, the apps on it are not told; once it is back, they are."""
    world = World()
    shop = thing("web-1", app="shop")
    world.every(15, beat("web-1"), first=0, last=300)
    world.at(345, bad(shop))
    world.want(Message("ops", "silent web-1 in prod", "firing"), between=(338 + 30, 345 + 30))
    world.at(1000, beat("web-1"))
    world.every(15, beat("web-1"), first=1015, last=2000)
    world.want(Message("ops", "http shop on web-1"), between=(1030, 1030))
    world.run(until=2000)
    assert world.post("silent").state == "resolved"


def test_a_dead_gateway_mutes_its_servers() -> None:
    """Of an environment whose gateway is dead only the gateway is told."""
    world = World(config('[gateways]\nprod = "gw-1"'))
    for host in ("web-1", "web-2", "gw-1"):
        world.every(15, beat(host), first=0, last=300)
    world.want(Message("ops", "silent gw-1 in prod"), between=(300, 390))
    world.run(until=3000)


def test_a_silent_server_is_told_in_time() -> None:
    """A killed agent is told within its heartbeat interval x 3 + group_wait."""
    world = World(config(mention="@oncall"))
    world.every(15, beat("web-1"), first=0, last=600)
    world.want(
        Message("ops", "silent web-1 in prod", "firing", "@oncall"), between=(615, 600 + 45 + 30)
    )
    world.at(1000, beat("web-1"))
    world.every(15, beat("web-1"), first=1015, last=1100)
    world.run(until=1120)
    assert world.post("web-1").state == "resolved"


def test_a_stopped_agent_has_longer() -> None:
    """An agent that people stop may stay away for a while before anybody is told."""
    world = World()
    world.every(15, beat("web-1"), first=0, last=300)
    world.at(305, beat("web-1", leaving=True))
    world.want(Message("ops", "its agent was stopped"), between=(635, 635))
    world.run(until=2000)


def test_a_late_check_in() -> None:
    """A check-in that does not come within its interval and grace is told."""
    more = """
        [[checkin]]
        name = "backup"
        every = "1h"
        grace = "10m"
        severity = "critical"
        """
    world = World(config(more))
    world.at(0, check_in("backup"))
    world.at(3900, check_in("backup"))
    world.want(Message("ops", "late", "firing"), between=(8130, 8130))
    world.at(9000, check_in("backup"))
    world.at(9100, check_in("backup", failed=True))
    world.want(Message("ops", "it reported a failure"), between=(9130, 9130))
    world.run(until=9200)


def test_a_check_in_by_cron() -> None:
    """By cron a check-in is due at the next time that it names, whenever it came."""
    more = '[[checkin]]\nname = "backup"\ncron = "0 * * * *"\ngrace = "5m"\n'
    world = World(config(more))
    world.at(0, check_in("backup"))
    world.want(Message("ops", "late"), between=(3200 + 300 + 30, 3200 + 300 + 30))
    world.run(until=6000)


def test_what_was_told_ends() -> None:
    """An alert that was pushed with an end resolves unless it is pushed again."""
    world = World()
    world.at(0, bad(WEB_1, decided=True, ends=300))
    world.at(200, bad(WEB_1, decided=True, ends=500))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(499, lambda world: _state(world, "firing"))
    world.run(until=600)
    assert "it was not told again" in text_of(world.post("web-1"))


def test_routes_and_mentions() -> None:
    """The first route that fits is taken, and later ones if it continues; each calls its people in
    the first message of a critical episode, and never again."""
    more = """
        [[route]]
        match = "severity=critical"
        channel = "pager"
        mention = "@oncall"
        continue = true
        [[route]]
        match = 'host=~"web-.*"'
        channel = "web"
        mention = "@web"
        """
    world = World(config(more, repeat_interval="1h"))
    world.at(0, bad(WEB_1, severity="critical"), bad(thing("db-1")), bad(WEB_2))
    world.want(Message("pager", "web-1", mention="@oncall"), between=(30, 30))
    world.want(Message("web", "web-1", mention="@web"), between=(30, 30))
    world.want(Message("web", "web-2", mention=""), between=(30, 30))
    world.want(Message("ops", "db-1", mention=""), between=(30, 30))
    world.at(60, acknowledge(thing("db-1")), acknowledge(WEB_2))
    world.want(Message("pager", "Still firing", mention=""), between=(3630, 3630))
    world.want(Message("web", "Still firing", mention=""), between=(3630, 3630))
    world.at(4000, good(WEB_1))
    world.run(until=5000)
    for post in world.posts.values():
        assert post.content.state != "resolved" or not post.content.mention


def test_getting_worse_is_news() -> None:
    """A warning that becomes critical is told again, calls people, and must be taken on anew."""
    world = World(config(mention="@oncall"))
    world.at(0, bad(WEB_1))
    world.want(Message("ops", "web-1", mention=""), between=(30, 30))
    world.at(60, acknowledge(WEB_1))
    world.at(400, bad(WEB_1, severity="critical"))
    world.want(Message("ops", "web-1", "firing", mention="@oncall"), between=(400, 400))
    world.run(until=5000)


def test_a_storm_makes_five_messages() -> None:
    """A thousand alerts in a minute make at most five messages in a channel, which say how many
    more there are; critical ones have posts of their own first."""
    world = World(config(mention="@oncall"))
    for count in range(1000):
        severity = "critical" if count == 777 else "warning"
        world.at(count // 20 * 1.2, bad(thing(f"web-{count}"), severity=severity))
    world.at(31, World.tick, World.restart)
    world.live(until=120)
    assert world.heard[4][1].content.title.startswith("Alert storm")
    assert len([when for when, _ in world.heard if when < 90]) == 5
    for first, _ in world.heard:
        assert sum(first <= when < first + 60 for when, _ in world.heard) <= 5
    called = [notification for _, notification in world.heard if notification.content.mention]
    assert len(called) == 1
    assert "web-777" in text_of(called[0].content)
    storm = world.post("Alert storm")
    assert "and 9" in "".join(storm.lines)
    assert len(storm.rows) == 20
    for count in range(1000):
        world.at(200 + count // 100, good(thing(f"web-{count}")))
    world.live(until=5000)
    assert world.post("Alert storm").state == "resolved"
    assert all(post.content.state == "resolved" for post in world.posts.values() if not post.parent)


def test_blind_is_not_down() -> None:
    """While our own link is gone nobody is called down, whatever is not heard; each channel hears
    once that we are blind. When we see again, heartbeats have a grace."""
    world = World(config('[[route]]\nmatch = "env=test"\nchannel = "test"'))
    for host in ("web-1", "web-2"):
        world.every(15, beat(host), first=0, last=300)
    world.at(301, blind(), blind("the database"))
    for channel in ("ops", "test"):
        world.want(Message(channel, "Monitoring is blind since", "blind"), between=(331, 331))
    world.every(10, bad(WEB_1), first=310, last=1000)
    world.at(1001, seeing())
    world.at(1100, seeing("the database"))
    world.every(15, beat("web-1"), first=1110, last=2000)
    world.want(Message("ops", "silent web-2"), between=(1100 + 30, 1100 + 45 + 30))
    world.run(until=2000)
    posts = [post for key, post in world.posts.items() if key.startswith("blind/")]
    assert [post.content.state for post in posts] == ["resolved", "resolved"]
    assert "13 min" in posts[0].content.title


def test_what_was_not_told_when_we_went_blind_waits_anew() -> None:
    """It may have resolved unseen, so it is told group_wait after we see again, if it still
    fires."""
    world = World()
    world.at(0, bad(WEB_1), bad(WEB_2))
    world.at(20, blind())
    world.at(45, seeing())
    world.at(50, good(WEB_1))
    world.want(Message("ops", "web-2"), between=(75, 75))
    world.run(until=500)


def test_a_blink_is_not_worth_a_word() -> None:
    world = World()
    world.every(15, beat("web-1"), first=0, last=600)
    world.at(301, blind())
    world.at(325, seeing())
    world.run(until=600)


def test_what_was_told_to_a_blind_engine_is_kept() -> None:
    """Somebody else's word is said once: it counts when we see again."""
    world = World()
    world.at(0, bad(WEB_1, decided=True))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(100, blind())
    world.at(105, good(WEB_1, decided=True))
    world.at(110, seeing())
    world.at(111, lambda world: _state(world, "resolved"))
    world.run(until=600)


def test_restarts_say_nothing_twice() -> None:
    """A restart at any time goes on where the rows say it was: the same messages, at the same
    times, as without it."""
    for when in range(1, 700, 13):
        world = World(config(group_by=["env"], repeat_interval="10m", mention="@oncall"))
        world.at(0, bad(WEB_1, severity="critical"))
        world.at(0, silence("host=web-3", 400))
        world.at(5, bad(WEB_3))
        world.want(Message("ops", "web-1", mention="@oncall"), between=(30, 30))
        world.at(100, bad(WEB_2))
        world.want(Message("ops", "Also firing: http web-2", mention=""), between=(330, 330))
        world.at(when, World.tick, World.restart)
        world.at(700, acknowledge(WEB_1))
        world.at(701, acknowledge(WEB_2))
        world.want(Message("ops", "Also firing: http web-3"), between=(630, 630))
        world.at(702, acknowledge(WEB_3))
        world.run(until=3000)


def test_a_restart_has_a_grace() -> None:
    """After a restart nobody is called dead for what could not be heard meanwhile."""
    world = World()
    world.every(15, beat("web-1"), first=0, last=300)
    world.at(301, lambda world: world.tick())
    world.live(until=301)
    world.now = 900.0
    restart(world)
    world.every(15, beat("web-1"), first=910, last=2000)
    world.run(until=2000)


def test_a_restart_after_one_heartbeat() -> None:
    """A server that was heard once before a restart, and never again, is missed all the same."""
    world = World()
    world.at(0, beat("web-1"), World.tick, restart)
    world.want(Message("ops", "silent web-1"), between=(75, 75))
    world.run(until=1000)


def test_a_reload_moves_what_fires() -> None:
    """Other routes: what fires is told where it now belongs, and its old post says so."""
    world = World()
    world.at(0, bad(WEB_1), bad(WEB_2))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.want(Message("ops", "web-2"), between=(30, 30))
    more = '[[route]]\nmatch = "host=web-1"\nchannel = "web"\n'
    world.at(100, reload(config(more)))
    world.want(Message("web", "web-1"), between=(130, 130))
    world.run(until=1000)


def test_a_check_in_that_is_not_watched_any_more() -> None:
    """A reload without a check-in ends its alert, with a note of why."""
    more = '[[checkin]]\nname = "backup"\nevery = "1m"\ngrace = "1m"\n'
    world = World(config(more))
    world.at(0, check_in("backup"))
    world.want(Message("ops", "late"), between=(150, 150))
    world.at(200, reload(config()))
    world.run(until=1000)
    assert "it is no longer watched" in text_of(world.post("late"))


def test_the_wall_clock_jumps() -> None:
    """A jump of the wall clock changes the times that are shown, and no decision."""
    world = World()
    world.every(15, beat("web-1"), first=0, last=2000)

    def jump(world: World) -> None:
        world.skew = 86400.0

    world.at(500, jump)
    world.at(600, bad(WEB_2))
    world.want(Message("ops", "web-2"), between=(630, 630))
    world.run(until=2000)


def test_the_board_shows_what_is_wrong_now() -> None:
    """A channel that asks for it has one post of everything that fires; it disturbs nobody."""
    world = World(config(board=["ops"]))
    world.at(0, bad(WEB_1), bad(WEB_2))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.want(Message("ops", "web-2"), between=(30, 30))
    world.at(40, lambda world: world.post("2 things are wrong now"))
    world.at(50, good(WEB_1))
    world.run(until=100)
    assert "web-2" in text_of(world.post("1 thing is wrong now"))


def test_history_is_in_the_thread() -> None:
    """The thread of a post holds what happened, quietly."""
    world = World()
    world.at(0, bad(WEB_1, "status 502"))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(60, acknowledge(WEB_1))
    world.at(100, good(WEB_1))
    world.run(until=1000)
    (history,) = [post for key, post in world.posts.items() if key.endswith("/history")]
    assert not history.broadcast
    assert [line.split(" UTC ")[1] for line in history.content.lines] == [
        "http web-1 in prod began: status 502",
        "U_ANN takes on http web-1 in prod",
        "http web-1 in prod resolved after 1 min 40 s",
    ]


def test_what_is_told_once_more_is_not_news() -> None:
    """A failure that is told again after the success that followed it does not fire again."""
    world = World()
    again = Sample(WEB_1, True, START, decided=True, dated=True)
    world.at(0, bad(WEB_1, decided=True, dated=True))
    world.at(10, good(WEB_1, decided=True, dated=True))
    world.at(20, lambda world: world.engine.observe(again))
    world.run(until=600)
