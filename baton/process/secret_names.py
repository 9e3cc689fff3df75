"""Names whose values are masked, whatever they are: `API_TOKEN`, `password`. Pure."""

from __future__ import annotations

import re

_SECRET_NAME = re.compile(
    r"(^|_)(\w*TOKEN|KEY|SECRET|\w*PASSWORD|\w*PASSWD|\w*PASSPHRASE|PASS|PW|PWD|PIN|AUTH"
    r"|CREDENTIALS?)($|_)",
    re.IGNORECASE,
)
_NO_SECRET_NAME = frozenset({"PWD", "OLDPWD"})


def is_secret_name(name: str) -> bool:
    """Return whether a variable or a setting of this name holds a secret."""
    return bool(_SECRET_NAME.search(name)) and name not in _NO_SECRET_NAME
