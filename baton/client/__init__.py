"""The client of a console: ask and watch from another program.

    from baton.client import ask
    if not ask("deploy shop prod").ok: ...

    client     Client, for programs that use asyncio; ask(), for all others
    models     what a console answers, as values
    settings   where the console is, and the token
    errors     what can go wrong
    http       one request to the API        events    the stream of a job
    retries    how long it is tried again

An agent loads nothing of it.
"""

from baton.client.client import Client, ask
from baton.client.errors import (
    ClientError,
    Conflict,
    NotAllowed,
    NotConfigured,
    NotDone,
    NotFound,
    NotSignedIn,
    TooManyRequests,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from baton.client.models import (
    AskResult,
    CommandHelp,
    Ending,
    Frame,
    GateSaid,
    Job,
    JobPage,
    LoggedLine,
    PlanSaid,
    Run,
)
from baton.client.retries import Patience
from baton.client.settings import ClientSettings

__all__ = [
    "AskResult",
    "Client",
    "ClientError",
    "ClientSettings",
    "CommandHelp",
    "Conflict",
    "Ending",
    "Frame",
    "GateSaid",
    "Job",
    "JobPage",
    "LoggedLine",
    "NotAllowed",
    "NotConfigured",
    "NotDone",
    "NotFound",
    "NotSignedIn",
    "Patience",
    "PlanSaid",
    "Run",
    "TooManyRequests",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
    "ask",
]
