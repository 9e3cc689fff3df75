"""The values that several parts of the API show and take: one model each, which is also what the
OpenAPI document says."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel, Field

from baton.outcome import Answer
from bot.web.console.api.problems import PROBLEM, Problem

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[!-~]+$",
        description="a name of this request, new for each: the same again starts nothing new",
    ),
]


class AnswerTable(BaseModel):
    """What the bot answered itself: a line, a table if there is one, or a long text."""

    summary: str
    columns: list[str] = Field(description="the titles of the columns")
    rows: list[list[str]] = Field(description="the cells of each row")
    document: str = Field(description="a long text, such as a log; else empty")

    @classmethod
    def of(cls, answer: Answer) -> AnswerTable:
        """Return `answer` as the API shows it."""
        rows = [list(row) for row in answer.rows]
        return cls(
            summary=answer.summary,
            columns=list(answer.columns),
            rows=rows,
            document=answer.document,
        )


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how the OpenAPI document describes the errors that any route answers, and `statuses`
    besides."""
    titles = {
        401: "Sign-in needed",
        403: "Not allowed",
        404: "Not found",
        408: "The body did not arrive in time",
        409: "Not possible now",
        413: "The body is too large",
        422: "A field cannot be used",
        429: "Too many requests",
        500: "It did not succeed",
        503: "Not available now",
    }
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {
        status: {"description": titles[status], "content": {PROBLEM: {"schema": schema}}}
        for status in sorted({401, 403, 422, 503, *statuses})
    }
