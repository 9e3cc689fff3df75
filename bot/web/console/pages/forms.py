"""Forms as browsers send them: read within limits, each field one text."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import Request

from bot.web.console.api.bodies import read_body
from bot.web.console.errors import Unusable

MAX_FIELDS = 200


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of the form that `request` sends. Raises Unusable, TooLarge and
    TooSlow."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        raise Unusable(detail="This is not a form that a browser sends. Nothing was done.")
    body = await read_body(request.receive)
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
