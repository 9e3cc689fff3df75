"""What people approve: one digest for all of it, and what differs, in words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from baton.bus.plans import (
    Plan,
    SurveyFacts,
    differences,
    make_plan,
    plan_digest,
    plan_words,
)
from tests.support.quick import quickly

A, B = "a" * 40, "b" * 40
FACTS = SurveyFacts(commit=B, live=f"v1 ({A[:8]})", commits=12, settings="sha256:1")
ARGUMENTS = {"app": "shop", "environment": "prod", "ref": None}


def plan(**servers: SurveyFacts) -> Plan:
    named = {host.replace("_", "-"): facts for host, facts in servers.items()}
    return make_plan("j0b00001", "deploy", ARGUMENTS, named)


def test_a_plan_says_what_would_change() -> None:
    """Servers of which the same is planned are one line; what cannot be undone is named."""
    other = FACTS.model_copy(update={"irreversible": ("migrate",)})
    assert plan_words(plan(web_1=FACTS, web_2=FACTS, web_3=other)) == [
        "2 servers (web-1, web-2): v1 (aaaaaaaa) -> bbbbbbbb, 12 commits",
        "1 server (web-3): v1 (aaaaaaaa) -> bbbbbbbb, 12 commits, cannot be undone: migrate",
    ]


def test_the_digest_is_of_all_of_it_and_of_nothing_else() -> None:
    """The order in which servers answer does not matter; each field does."""
    one = plan_digest(plan(web_1=FACTS, web_2=FACTS))
    assert one == plan_digest(plan(web_2=FACTS, web_1=FACTS))
    assert one == plan_digest(
        Plan.model_validate_json(plan(web_1=FACTS, web_2=FACTS).model_dump_json())
    )
    assert one.startswith("sha256:")
    for changes in ({"commit": A}, {"live": "v0"}, {"settings": "sha256:2"}, {"commits": 13}):
        assert plan_digest(plan(web_1=FACTS, web_2=FACTS.model_copy(update=changes))) != one
    assert plan_digest(plan(web_1=FACTS)) != one
    assert plan_digest(make_plan("j0b00002", "deploy", ARGUMENTS, {"web-1": FACTS})) != plan_digest(
        plan(web_1=FACTS)
    )


def test_differences_name_what_changed_and_where() -> None:
    """New and gone servers, settings, what is live; the same on several servers is said once."""
    before = plan(web_1=FACTS, web_2=FACTS, web_3=FACTS)
    changed = FACTS.model_copy(update={"settings": "sha256:2"})
    deployed = FACTS.model_copy(update={"live": "v2 (cccccccc)"})
    assert differences(before, before) == []
    assert differences(before, plan(web_2=changed, web_3=changed, web_4=FACTS)) == [
        "web-1: not there any more",
        "web-4: new",
        "web-2, web-3: its settings have changed",
    ]
    assert differences(before, plan(web_1=deployed, web_2=FACTS, web_3=FACTS)) == [
        "web-1: v1 (aaaaaaaa) was live, now v2 (cccccccc) is"
    ]


FACTS_OF = st.builds(
    SurveyFacts,
    commit=st.sampled_from(["", A, B]),
    live=st.sampled_from(["", "v1"]),
    commits=st.sampled_from([None, 0, 1]),
    settings=st.sampled_from(["", "sha256:1", "sha256:2"]),
    irreversible=st.sampled_from([(), ("migrate",)]),
    problem=st.sampled_from(["", "no such ref"]),
)
SERVERS = st.dictionaries(st.sampled_from([f"web-{number}" for number in range(5)]), FACTS_OF)


@given(before=SERVERS, after=SERVERS)
def test_another_digest_and_something_to_say_are_the_same(
    before: dict[str, SurveyFacts], after: dict[str, SurveyFacts]
) -> None:
    """People are never asked anew without a reason that they can read, nor is a change passed
    over."""
    old, new = (make_plan("j0b00001", "deploy", ARGUMENTS, one) for one in (before, after))
    assert bool(differences(old, new)) == (plan_digest(old) != plan_digest(new))


def test_a_thousand_servers_take_no_time() -> None:
    """Comparing is linear in the number of servers."""
    facts = {f"web-{number}.example.com": FACTS for number in range(1_000)}
    before, after = plan(**facts), plan(**facts)
    assert differences(before, after) == []
    quickly(lambda: differences(before, after))
    assert len(plan(**facts).model_dump_json()) < 40_000
    alone = plan(**facts).only("web-7.example.com")
    assert alone.hosts == ["web-7.example.com"]
