"""What Slack answers when it will not do what a method asked."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class Refusal(Exception):
    """The answer `{"ok": false, "error": code}`, with any further fields Slack adds to it."""

    def __init__(self, code: str, **fields: Any) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields

    def answer(self) -> Json:
        """The body that goes back to the caller."""
        return {"ok": False, "error": self.code, **self.fields}


def invalid(code: str, problems: list[str]) -> Refusal:
    """A refusal that says what was wrong, in the two places where Slack says it."""
    messages = [f"[ERROR] {problem}" for problem in problems]
    return Refusal(code, errors=problems, response_metadata={"messages": messages})
