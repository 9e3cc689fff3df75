"""How SQLite goes about what the store asks of it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event

from baton.bus.messages import Person, State, now
from bot.store import Store
from bot.store.database.sqlite import Sqlite
from bot.store.jobs.audit_entries import AuditFilter
from bot.store.jobs.history import JobFilter, JobOutcome, Moment
from bot.store.jobs.news import BEGINNING, Position
from bot.store.output.log_lines import LogQuery
from bot.store.output.log_slices import Slice
from bot.store.output.log_window import LineName, LogView, Side
from bot.store.sign_ins.sign_in import SignInOwner
from tests.bot.store.build import T0, asked, deploy, later, ping, pong, update
from tests.support.authenticator import Authenticator


async def test_nothing_grows_with_what_is_over(tmp_path: Path) -> None:
    """Whatever the store asks of SQLite is looked up by an index, and what runs all the time by one
    over open rows only, however many jobs have ended. The outbox is read whole, being all open."""
    store = await Store.open(f"sqlite:///{tmp_path}/baton.db")
    asked_of: dict[str, tuple[object, ...]] = {}

    def note(
        _connection: Connection,
        _cursor: object,
        statement: str,
        values: Any,
        _c: object,
        many: bool,
    ) -> None:
        asked_of[statement] = values[0] if many else values

    database = store._database
    assert isinstance(database, Sqlite)
    for engine in (database._reader, database._writer):
        event.listen(engine, "before_cursor_execute", note)
    try:
        await _everything(store)

        def plans(connection: Connection) -> dict[str, str]:
            return {
                statement: " / ".join(
                    row[3]
                    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                )
                for statement, values in list(asked_of.items())
                if not statement.startswith(("BEGIN", "INSERT", "EXPLAIN"))
            }

        found = await database.read(plans)
        scans = {
            statement: plan
            for statement, plan in found.items()
            if re.search(
                r"(SCAN|SEARCH) (?!outbox|pair VIRTUAL|servers)\w+(?! USING)(?= /|$)", plan
            )
        }
        assert scans == {}
        used = " ".join(found.values())
        for index in ("runs_open ", "runs_open_of_job", "jobs_untold", "jobs_waiting"):
            assert index in used
        (newest,) = (
            plan for statement, plan in found.items() if "jobs.app IS NOT NULL" in statement
        )
        assert newest == "SEARCH jobs USING INDEX jobs_environment (environment=?)"
        (tail,) = (plan for statement, plan in found.items() if "LEFT OUTER" in statement)
        assert (
            "output USING INDEX sqlite_autoindex_output_1 (job=? AND host=? AND attempt=? AND"
            in tail
        )
    finally:
        await store.close()


async def _everything(store: Store) -> None:
    ledger = store.ledger
    one, two = await asked(store, deploy("web-1", "web-2")), await asked(store, ping())
    await ledger.apply_updates(
        [update(one, "web-1", 1, State.RUNNING, text="x"), pong(two, "w")], later(2)
    )
    await ledger.next_deadline()
    await ledger.close_overdue(later(1000), T0)
    await ledger.unreported()
    await ledger.depths()
    await ledger.mark_reported({one.job.id: 1})
    await ledger.cancel(two.job.id, one.job.asked_by, later(3))
    await ledger.in_thread("slack", "C1", "1.0")
    await ledger.find("abcd")
    await ledger.recent(5)
    await ledger.recent(5, "prod")
    await ledger.live_releases({"prod", "staging"})
    await ledger.output(one.job.id)
    await ledger.tails(one.job.id)
    await ledger.news(one.job.id, Position(1))
    for view in (LogView(), LogView(host="web-1")):
        await ledger.window(one.job.id, view, 10)
        for side in Side:
            await ledger.window(one.job.id, view, 10, side, LineName("web-1", 1, 1))
    await ledger.pieces(one.job.id, BEGINNING, 3)
    await ledger.revision(one.job.id)
    await ledger.history(
        JobFilter(person="U_ANN", text="shop", outcome=JobOutcome.UNSUCCESSFUL, server="web-1"),
        Moment(later(5), one.job.id),
    )
    await ledger.log_lines(one.job.id, "web-1", 1, 1, 5)
    await ledger.search_log(one.job.id, LogQuery("x", step="build"))
    await ledger.output_sizes(one.job.id, "web-1")
    for part in (Slice("a", "z"), Slice("web-1", "web-1", 1, 0, 9)):
        await ledger.output_slice(one.job.id, part)
    await ledger.said(one.job.id, later(9))
    await ledger.prune(T0)
    await store.passkeys.add("slack", "U_ANN", "id", Authenticator("laptop").public)
    await store.passkeys.of_person("slack", "U_ANN")
    await store.passkeys.remove("slack", "U_ANN", "id")
    await store.posts.of_job(one.job.id)
    await store.posts.shown_for(one.job.id, "day")
    await store.audit.recent(5)
    await store.audit.page(AuditFilter(person="U_ANN", since=now()), 5, 7)
    await store.audit.page(AuditFilter(environment="prod", verdict="refused", until=now()), 5)
    await store.audit.page(AuditFilter(), 5, 7)
    await store.leases.take("leader", "a", 5)
    await _sign_ins(store)


async def _sign_ins(store: Store) -> None:
    kept, owner = store.sign_ins, SignInOwner(Person(id="U_ANN"), "slack")
    link = await kept.new_link(owner)
    await kept.link_owner(link)
    await kept.redeem(link, "")
    token, made = await kept.new_token(owner, "ci", "read", timedelta(days=1))
    await kept.find(token)
    await kept.of_person("slack", "U_ANN")
    await kept.of_person("slack", "U_ANN", "token")
    await kept.revoke_token("slack", "U_ANN", "ci")
    await kept.revoke("slack", "U_ANN", made.id)
    await kept.prune()
