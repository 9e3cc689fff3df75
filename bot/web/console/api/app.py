"""The API as an app of its own, mounted on the bot's: its errors are problems, its document is at
`/api/v1/openapi.json`."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI
from fastapi.security import APIKeyCookie, HTTPBearer
from typing_extensions import override

from baton.version import baton_version
from bot.web.console.api.alerts import alert_routes
from bot.web.console.api.asks import ask_routes
from bot.web.console.api.audit import audit_routes
from bot.web.console.api.bodies import BodyLimits
from bot.web.console.api.gates import gate_routes
from bot.web.console.api.job_actions import job_action_routes
from bot.web.console.api.jobs import job_routes
from bot.web.console.api.logs import log_routes
from bot.web.console.api.me import me_routes
from bot.web.console.api.problems import add_problems
from bot.web.console.api.schedules import schedule_routes
from bot.web.console.api.servers import server_routes
from bot.web.console.asking import Asking
from bot.web.console.feed.event_models import event_schemas
from bot.web.console.feed.routes import FeedRoutes
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.alerts import AlertReading
from bot.web.console.reading.gates import GateReading
from bot.web.console.reading.schedules import ScheduleReading
from bot.web.console.reading.servers import ServerReading
from bot.web.console.sign_in.session_access import COOKIE, SECURE_PREFIX

_ABOUT = """\
Ask, watch and read what Baton does, as the pages of the console do.

Whatever changes something is asked in the words of chat: it is allowed, recorded and limited as
there. What may be read is decided at each request, also as in chat.
"""


def build_api(
    parts: ConsoleParts,
    asking: Asking,
    streams: FeedRoutes,
    servers: ServerReading,
    alerts: AlertReading,
    schedules: ScheduleReading,
    gates: GateReading,
) -> FastAPI:
    """Return the API that is made of `parts`."""
    bearer = HTTPBearer(
        scheme_name="token", description="a token of /baton token", auto_error=False
    )
    cookie = APIKeyCookie(
        name=COOKIE,
        scheme_name="session",
        description="the session of somebody who signed in on the pages; over https the name of "
        f"the cookie begins with {SECURE_PREFIX}",
        auto_error=False,
    )
    api = _Api(
        title="Baton",
        version=baton_version(),
        description=_ABOUT,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        # for the document alone: who asks is found by `parts.access`
        dependencies=[Depends(bearer), Depends(cookie)],
    )
    api.add_middleware(BodyLimits)
    add_problems(api)
    access, url = parts.access, parts.url
    for routes in (
        me_routes(access),
        ask_routes(asking, access, parts.commands, servers, url),
        job_routes(parts),
        log_routes(parts),
        streams.api(),
        job_action_routes(asking, access, parts.store.ledger, url),
        server_routes(servers, access),
        alert_routes(alerts, access),
        schedule_routes(schedules, access),
        gate_routes(gates, access),
        audit_routes(parts),
    ):
        api.include_router(routes)
    return api


class _Api(FastAPI):
    """FastAPI describes what routes take and answer; what events hold is added to that."""

    @override
    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        schemas = document["components"]["schemas"]
        document["components"]["schemas"] = {**event_schemas(), **schemas}
        return document
