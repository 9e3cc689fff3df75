"""What the store knows of somebody who is signed in. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from baton.bus.messages import Person
from baton.errors import BatonError

Kind = Literal["session", "token"]
Scope = Literal["read", "ask"]


@dataclass(frozen=True, slots=True)
class SignInOwner:
    """A person, and the front end whose directory knows them."""

    person: Person
    directory: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """A session of a browser or a token of a program. `id` is no secret. `name` is the token's name
    or says which browser it is; `scope` is `read` if it may change nothing."""

    id: str
    kind: Kind
    name: str
    scope: Scope
    owner: SignInOwner
    created: datetime
    expires: datetime
    used: datetime


class NameInUse(BatonError):
    """You already have a token called {name}. Choose another name, or revoke that one first:
    /token revoke {name}"""

    permanent = True


class TooManyTokens(BatonError):
    """You already have {count} tokens, and that is the limit. Revoke one that is not used any more:
    /token list shows them."""

    permanent = True
