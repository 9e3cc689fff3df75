"""What an older or a newer Baton, which may share the database, reads and writes by name."""

from __future__ import annotations

from bot.store.leases import LEASE
from bot.store.tables import metadata

TABLES = {
    "alert_asks": "number data",
    "alert_channels": "key data",
    "alert_episodes": "fingerprint number started ended data",
    "alert_groups": "key data",
    "alert_posts": "key subject at data revision told wanted shown",
    "alert_readings": "bot number problem",
    "alert_sight": "key data",
    "alert_silences": "key until data",
    "alert_watches": "key data",
    "audit": (
        "number time person_id person_name front channel thread place_name words verdict reason "
        "job environment key link previous hash"
    ),
    "audit_head": "id number hash",
    "broken_freezes": (
        "id key job at person_id person_name person_standing front channel thread "
        "place_name words environment command app freeze reason reviewed reviewer"
    ),
    "fences": "environment number",
    "firings": "schedule nominal at verdict reason job count until outcome ended person",
    "jobs": (
        "id key command arguments title environment app person_id person_name front channel thread "
        "place_name asked closed canceller_id canceller_name told revision under hidden hold plan "
        "plan_digest rolling broadcast deadline timeout sent waits_until"
    ),
    "leases": "name holder until",
    "locks": (
        "id key environment app hosts person_id person_name person_standing front channel "
        "thread place_name reason asked until seconds since number nagged ended how"
    ),
    "outbox": "number id job host exchange key type attempt message mandatory deadline tried",
    "output": "job host attempt ends lines sequence time level step text revision",
    "passkeys": "id directory person_id name key created",
    "posts": "key job front channel thread ref status digest at",
    "runs": (
        "job host attempt request deadline timeout state text step percent sequence sent started "
        "finished facts late ends_at lines size retries retried"
    ),
    "schedules": (
        "id key words timing person_id person_name person_standing front channel thread place_name "
        "created status note nominal due waiting runs failures outcome tally day revision"
    ),
    "servers": "host facts heard interval leaving",
    "sign_in_links": "hash directory person_id person_name person_standing created expires",
    "sign_ins": (
        "id hash kind name scope directory person_id person_name person_standing created expires "
        "used"
    ),
    "votes": "job directory person_id person_name verdict at plan groups because place",
}


def test_tables_and_columns_keep_their_names() -> None:
    """Code may call them otherwise; two versions of the bot must understand each other's rows."""
    there = {
        name: " ".join(column.name for column in table.columns)
        for name, table in metadata.tables.items()
    }
    assert there == TABLES


def test_bots_of_two_versions_exclude_each_other() -> None:
    """They compete for one lease, so it has one name for ever."""
    assert LEASE == "desk"
