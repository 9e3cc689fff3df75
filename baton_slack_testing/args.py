"""The arguments of one Web API call, from its query, form or JSON body."""

from __future__ import annotations

import json
from typing import Any

from baton_slack_testing.errors import Refusal, invalid


class Args(dict[str, Any]):
    """Arguments by name; a form's values are text, also where JSON has lists and numbers."""

    def require(self, *names: str) -> None:
        """Raises Refusal `invalid_arguments` naming the required ones that are missing."""
        missing = [name for name in names if self.get(name) in (None, "")]
        if missing:
            problems = [f"missing required field: {name}" for name in missing]
            raise invalid("invalid_arguments", problems)

    def text(self, name: str) -> str | None:
        """A word, or None if it was not given."""
        value = self.get(name)
        return None if value is None else str(value)

    def flag(self, name: str) -> bool:
        """True for true, 1 and their text forms."""
        return self.get(name) in (True, 1, "1", "true", "True")

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number; raises Refusal `invalid_limit` outside of [least, most]."""
        value = self.get(name)
        if value in (None, ""):
            return default
        try:
            number = int(str(value))
        except ValueError:
            raise Refusal(f"invalid_{name}") from None
        if not least <= number <= most:
            raise Refusal(f"invalid_{name}")
        return number

    def structure(self, name: str, error: str) -> Any:
        """A JSON value, decoded if it came as text; raises Refusal `error` if it is not JSON."""
        value = self.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise Refusal(error) from None
