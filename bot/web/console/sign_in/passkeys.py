"""Passkeys with which people sign approvals: to add and remove one, and what one is to sign.

Nobody signs in with them. What counts is what servers make of a signature, by the line that
somebody has written into their files: the bot only hands it on.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from baton.bus.messages import State
from baton.bus.signing.approval import approved_text
from baton.bus.signing.assertion import challenge
from baton.bus.signing.passkey import of_browser
from baton.bus.signing.ssh_key import decoded
from baton.text.printable import printable
from bot.jobs import Job, RunRecord
from bot.signers import unsigned
from bot.store.sign_ins.passkey_store import PasskeyKnown, TooManyPasskeys
from bot.web.console.errors import Conflict, NotFound, Unusable
from bot.web.console.pages.forms import read_form
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.jobs import JobReading

log = structlog.get_logger(__name__)

MAX_NAME = 100
"""Characters of the name of a passkey."""
_INCOMPLETE = (
    "A passkey needs a name, and a browser that makes it: add it on the page Sessions and tokens,"
    " with JavaScript on."
)
_ID = re.compile(r"[A-Za-z0-9_-]{1,1400}")
"""At most 1,023 bytes, in base 64 for addresses."""


@dataclass(frozen=True, slots=True)
class PasskeyPages:
    """The routes, for whom `parts.access` knows. `jobs` finds the job that is to be signed."""

    parts: ConsoleParts
    jobs: JobReading

    def routes(self) -> APIRouter:
        """Return the routes."""
        routes = APIRouter(include_in_schema=False)
        routes.add_api_route("/passkeys", self.add, methods=["POST"])
        routes.add_api_route("/passkeys/{id}/remove", self.remove, methods=["POST"])
        routes.add_api_route("/jobs/{id}/passkey", self.to_sign, methods=["GET"])
        return routes

    async def add(self, request: Request) -> Response:
        """Keep the passkey that a browser has made."""
        viewer = await self.parts.access.viewer(request)
        form = await read_form(request)
        site = site_of(self.parts.url)
        if not site:
            raise Conflict(detail="Passkeys need a console at an https address with a name.")
        id = form.get("id", "")
        name = " ".join(printable(form.get("name", "")).split())[:MAX_NAME]
        if not name or not _ID.fullmatch(id):
            raise Unusable(detail=_INCOMPLETE)
        try:
            key = of_browser(decoded(form.get("key", "")[:1_000]), site, name)
        except ValueError as error:
            raise Unusable(detail=f"The passkey cannot be used: {error}.") from None
        directory, person = viewer.place.directory, viewer.person
        try:
            await self.parts.store.passkeys.add(directory, person.id, id, key)
        except (PasskeyKnown, TooManyPasskeys) as error:
            raise Conflict(detail=str(error)) from None
        log.info("a passkey was added", person=person.id, key=key.fingerprint)
        return RedirectResponse("/sessions", 303)

    async def remove(self, request: Request, id: str) -> Response:
        """Forget one of one's passkeys. Servers whose files name it count it as before."""
        viewer = await self.parts.access.viewer(request)
        directory, person = viewer.place.directory, viewer.person
        if await self.parts.store.passkeys.remove(directory, person.id, id):
            log.info("a passkey was removed", person=person.id)
        return RedirectResponse("/sessions", 303)

    async def to_sign(self, request: Request, id: str) -> Response:
        """Return what one's passkey is to sign to approve a job, as things are now."""
        viewer = await self.parts.access.viewer(request)
        job, runs = await self.jobs.job(viewer, id, "jobs")
        if not takes_passkeys(job, runs, self.parts.clock()):
            raise Conflict(detail=f"{job.title} waits for no passkey now. Load the page again.")
        found = await self.parts.store.passkeys.of_person(viewer.place.directory, viewer.person.id)
        if not found:
            raise NotFound(detail="You have no passkey here. Add one on Sessions and tokens.")
        at = self.parts.clock().replace(microsecond=0)
        answer = {
            "at": at.isoformat(timespec="seconds"),
            "plan": job.plan_digest.removeprefix("sha256:")[:8],
            "challenge": challenge(approved_text(job.plan_digest, at)),
            "site": site_of(self.parts.url),
            "keys": [
                {"id": one.id, "blob": base64.b64encode(one.key.blob).decode()} for one in found
            ],
        }
        return JSONResponse(answer)


def takes_passkeys(job: Job, runs: Iterable[RunRecord], at: datetime) -> bool:
    """Return whether `job` waits for signatures, and passkeys are among those that count. While it
    goes in waves it does once the signatures that it has are too old."""
    hold = job.hold
    if hold is None or not job.plan_digest or not any(run.state is State.HELD for run in runs):
        return False
    if hold.opened is not None and not unsigned(hold.signers, hold.signatures, at):
        return False
    return any(one.origins for one in hold.signers)


def site_of(url: str) -> str:
    """Return the site of passkeys that are made on the console at `url`, which is the name of its
    host; empty if browsers make none there: they want https, and a name."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host == "localhost":
        return host
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host if parts.scheme == "https" else ""
    return ""


def user_handle(directory: str, person: str) -> str:
    """Return what an authenticator calls a person, in base 64 for addresses: two passkeys of one
    name are told apart by it."""
    digest = sha256(f"{directory}\n{person}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
