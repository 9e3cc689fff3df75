"""Forms as browsers send them: read within limits, each field one text."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import Request

from bot.web.console.errors import Unusable

MAX_BODY = 64_000
"""Bytes of a form, at most."""
MAX_FIELDS = 200
BODY_TIMEOUT = 10.0
"""Seconds in which a form must arrive."""


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of the form that `request` sends. Raises Unusable."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        raise Unusable(detail="This is not a form that a browser sends. Nothing was done.")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise Unusable(detail=f"The form is longer than {MAX_BODY} bytes.")
    except TimeoutError:
        raise Unusable(detail=f"The form did not arrive within {BODY_TIMEOUT:g} s.") from None
    try:
        return dict(
            parse_qsl(
                body.decode(),
                keep_blank_values=True,
                strict_parsing=False,
                max_num_fields=MAX_FIELDS,
            )
        )
    except (UnicodeDecodeError, ValueError):
        raise Unusable(detail="The form cannot be read. Nothing was done.") from None
