"""HTTP: reads a call, checks who calls, meets faults and limits, answers and records."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from aiohttp import web

from baton_slack_testing import apps, chat, pins, reading, uploads, views
from baton_slack_testing.args import Args
from baton_slack_testing.calls import Call
from baton_slack_testing.errors import Json, Refusal
from baton_slack_testing.methods import METHODS
from baton_slack_testing.tokens import Token

if TYPE_CHECKING:
    from baton_slack_testing.server import SlackServer

Work = Callable[[Call], web.Response]

# Importing them fills the table.
MODULES = (apps, chat, pins, reading, uploads, views)


class Web:
    """The listener; it can go down and come back at the same port."""

    def __init__(self, slack: SlackServer) -> None:
        self.slack = slack
        self.port = 0
        self.crashes: list[Exception] = []
        self._protocols: web.Server | None = None
        self._listener: asyncio.Server | None = None

    async def up(self) -> None:
        """Listen; from the second time on at the port of the first."""
        loop = asyncio.get_running_loop()
        if self._protocols is None:
            # A caller who hangs up ends what the server still does for him, such as a Hang.
            self._protocols = web.Server(self.handle, handler_cancellation=True, access_log=None)
        self._listener = await loop.create_server(
            self._protocols, "127.0.0.1", self.port, reuse_address=True, backlog=1024
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    def down(self) -> None:
        """Stop listening and reset every connection."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._protocols is not None:
            for connection in self._protocols.connections:
                if connection.transport is not None:
                    connection.transport.abort()

    async def close(self) -> None:
        """Down for good."""
        self.down()
        if self._protocols is not None:
            await self._protocols.shutdown(0.5)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Every request; a mistake of this server's own fails the test at its end."""
        try:
            path = request.path
            if path.startswith("/api/"):
                return await self.api(request, path.removeprefix("/api/"))
            if path.startswith("/link"):
                return await self.slack.socket.serve(request)
            if path.startswith("/upload/v1/"):
                return await self.upload(request, path.removeprefix("/upload/v1/"))
            if path.startswith("/commands/"):
                return await self.respond(request, path)
            return web.Response(status=404)
        except ConnectionError:
            raise
        except Exception as error:
            self.crashes.append(error)
            raise

    async def api(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        """One Web API call."""
        try:
            args = await read_args(request)
        except Refusal as refusal:
            return reply(refusal.answer())
        secret = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        secret = secret or str(args.get("token", ""))
        args.pop("token", None)
        return await self.through(request, name, args, lambda call: self.work(call, secret))

    async def through(
        self, request: web.BaseRequest, name: str, args: Args, work: Work
    ) -> web.Response:
        """Do the work of a call, with the fault it meets, and record it."""
        slack = self.slack
        answer = await self._through(request, name, args, work)
        answer.headers["Date"] = formatdate(slack.workspace.time(), usegmt=True)
        return answer

    async def _through(
        self, request: web.BaseRequest, name: str, args: Args, work: Work
    ) -> web.Response:
        slack = self.slack
        call = Call(name, args, time.monotonic())
        slack.calls.note(call)
        fault = call.fault = slack.faults.take(name, args)
        try:
            if fault is None:
                return work(call)
            slack.changes.notify()
            return await fault.around(request, lambda: work(call))
        finally:
            slack.changes.notify()

    def work(self, call: Call, secret: str) -> web.Response:
        """Check the call, run it, and word the answer."""
        headers: dict[str, str] = {}
        try:
            method = METHODS.get(call.method)
            if method is None:
                raise Refusal("unknown_method", req_method=call.method)
            token = self.token(secret, method.kinds)
            headers["X-OAuth-Scopes"] = ",".join(sorted(token.scopes))
            if method.scope is not None:
                headers["X-Accepted-OAuth-Scopes"] = method.scope
            wait = self.limited(call, method.per_minute)
            if wait:
                headers["Retry-After"] = str(wait)
                call.answer = Refusal("ratelimited").answer()
                return reply(call.answer, headers, 429)
            if method.scope is not None:
                token.require(method.scope)
            call.args.require(*method.required)
            call.answer = method.run(self.slack, token, call.args)
        except Refusal as refusal:
            call.answer = refusal.answer()
        return reply(call.answer, headers)

    def limited(self, call: Call, tier: int | None) -> int:
        """Seconds that the caller must wait; 0 with rate limits off."""
        limits = self.slack.rate_limits
        return (
            0 if limits is None else limits.wait(call.method, tier, str(call.args.get("channel")))
        )

    def token(self, secret: str, kinds: tuple[str, ...]) -> Token:
        """Who is calling; raises Refusal if that is nobody, or with the wrong kind of token."""
        if not secret:
            raise Refusal("not_authed")
        token = self.slack.tokens.get(secret)
        if token is None:
            raise Refusal("invalid_auth")
        if token.kind not in kinds:
            raise Refusal("not_allowed_token_type")
        return token

    async def upload(self, request: web.BaseRequest, file_id: str) -> web.StreamResponse:
        """The bytes of a file, raw or as a form's first part."""
        if request.content_type == "multipart/form-data":
            form = await request.post()
            parts = [part for part in form.values() if isinstance(part, web.FileField)]
            content = parts[0].file.read() if parts else b""
        else:
            content = await request.content.read()

        def work(call: Call) -> web.Response:
            status, text = uploads.receive(self.slack, file_id, content)
            call.answer = {"ok": status == 200}
            return web.Response(status=status, text=text)

        return await self.through(request, "upload", Args(file=file_id), work)

    async def respond(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        """An answer through a response_url."""
        args = await read_args(request)

        def work(call: Call) -> web.Response:
            try:
                call.answer = self.slack.response_urls.respond(self.slack, path, args)
            except Refusal as refusal:
                call.answer = refusal.answer()
                return reply(call.answer, status=404)
            return reply(call.answer)

        return await self.through(request, "response_url", args, work)


def reply(answer: Json, headers: dict[str, str] | None = None, status: int = 200) -> web.Response:
    """An answer as HTTP."""
    return web.Response(
        body=json.dumps(answer).encode(),
        content_type="application/json",
        charset="utf-8",
        headers=headers,
        status=status,
    )


async def read_args(request: web.BaseRequest) -> Args:
    """Arguments of the query and the body; raises Refusal `invalid_json`, `json_not_object`."""
    args = Args(request.query) if request.query_string else Args()
    kind = request.content_type
    if kind == "application/json":
        body = await request.read()
        if body:
            try:
                decoded = json.loads(body)
            except ValueError:
                raise Refusal("invalid_json") from None
            if not isinstance(decoded, dict):
                raise Refusal("json_not_object")
            args.update(decoded)
    elif kind == "application/x-www-form-urlencoded":
        args.update(parse_qsl((await request.read()).decode(), keep_blank_values=True))
    elif kind == "multipart/form-data":
        args.update(await request.post())
    return args
