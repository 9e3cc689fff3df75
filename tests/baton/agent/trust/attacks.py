"""An attacker who has the password of RabbitMQ and every message that was ever sent, but no key:
each attack, and the words in which it is to be refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from baton.bus.api import to_envelope
from baton.bus.channel import Envelope
from baton.bus.messages import Request, State, Update, now
from baton.bus.signing.header import SIGNATURE
from baton.bus.signing.signer import KeySigner
from tests.baton.agent.trust.orders import BOT, SIGNER, STRANGER
from tests.baton.stage import HOST, request


@dataclass(frozen=True, slots=True)
class Attack:
    """A message of an attacker; one of `reasons` is said of it."""

    name: str
    envelope: Envelope
    reasons: tuple[str, ...]


UNREADABLE = "This is not a valid message"
ALTERED = "was changed after the key SHA256:"
UNKNOWN = "This is not a message that Baton knows"


def _signed(order: Request) -> Envelope:
    return to_envelope(order, SIGNER)


def mutated(luck: random.Random) -> Attack:
    """One byte of the body is another."""
    found = _signed(request())
    place = luck.randrange(len(found.body))
    byte = bytes([found.body[place] ^ luck.randrange(1, 256)])
    body = found.body[:place] + byte + found.body[place + 1 :]
    reasons = (ALTERED, UNREADABLE, UNKNOWN)
    return Attack("mutated", replace(found, body=body), reasons)


def rewritten(luck: random.Random) -> Attack:
    """The body is another order, with the signature of this one."""
    found = _signed(request())
    other = to_envelope(request("talk", job=f"j{luck.random()}"))
    return Attack("rewritten", replace(found, body=other.body), (ALTERED,))


def truncated(luck: random.Random) -> Attack:
    """The body ends early."""
    found = _signed(request())
    body = found.body[: luck.randrange(len(found.body))]
    return Attack("truncated", replace(found, body=body), (UNREADABLE,))


def scribbled(luck: random.Random) -> Attack:
    """One character of the signature is another, or the rest of it is missing."""
    found = _signed(request())
    text = found.headers[SIGNATURE]
    place = luck.randrange(len(text))
    # not the last characters: base 64 has several spellings of the same bytes there
    cut = text[: min(place, len(text) - 4)]
    other = cut if luck.random() < 0.5 else cut + ("A" if text[len(cut)] != "A" else "B")
    other += "" if other == cut else text[len(cut) + 1 :]
    reasons: tuple[str, ...] = (ALTERED, "has a signature that cannot be read", "is not signed")
    hint = place < text.index("=")
    if hint:  # only a hint: what the bot has signed stays what it has signed
        found = replace(found, body=found.body + b" ")
        reasons = (*reasons, "which is not trusted here")
    return Attack("scribbled", replace(found, headers={SIGNATURE: other}), reasons)


def unsigned(luck: random.Random) -> Attack:
    """There is no signature."""
    return Attack("unsigned", to_envelope(request()), ("it is not signed",))


def strange(luck: random.Random) -> Attack:
    """Another key signed it, and may call itself ours."""
    order = request()
    found = to_envelope(order, KeySigner([STRANGER]))
    if luck.random() < 0.5:
        return Attack("strange", found, (STRANGER.public.fingerprint,))
    theirs, ours = STRANGER.public.fingerprint, BOT.public.fingerprint
    text = found.headers[SIGNATURE].replace(theirs, ours)
    return Attack("strange", replace(found, headers={SIGNATURE: text}), (ALTERED,))


def retyped(luck: random.Random) -> Attack:
    """What the bot's key has signed as another kind of message is sent as a request."""
    order = request()
    found = to_envelope(order)
    kind = luck.choice(["baton.update", "baton.cancel", "baton.approval", "baton.heartbeat"])
    return Attack(
        "retyped", replace(found, headers=dict(SIGNER.headers(kind, found.body))), (ALTERED,)
    )


def reported(luck: random.Random) -> Attack:
    """A report that is signed is sent as an order."""
    said = Update(
        job="j",
        request="r",
        host=HOST,
        environment="prod",
        command="work",
        sequence=1,
        state=State.RUNNING,
    )
    return Attack("reported", to_envelope(said, SIGNER), ("an agent does not use baton.update",))


def crossed(luck: random.Random) -> Attack:
    """It was signed for another server, or another environment."""
    if luck.random() < 0.5:
        return Attack("crossed", _signed(request(host="web-2")), ("it is meant for web-2",))
    found = _signed(request(environment="test"))
    return Attack("crossed", found, ("it is meant for test, but this server is in prod",))


def spread(luck: random.Random) -> Attack:
    """It names no server, so that it could be sent to any."""
    return Attack("spread", _signed(request(host=None)), ("it names no server",))


def late(luck: random.Random) -> Attack:
    """It was recorded, and comes after its deadline with a fresh count of RabbitMQ's."""
    old = now() - timedelta(minutes=luck.randrange(2, 10_000))
    order = request().model_copy(update={"time": old, "deadline": old + timedelta(minutes=1)})
    return Attack("late", _signed(order), ("clock skew, or somebody sent an old one again",))


def early(luck: random.Random) -> Attack:
    """It is from the future: the clock of the server was set back."""
    at = now() + timedelta(minutes=luck.randrange(1, 10_000))
    order = request().model_copy(update={"time": at, "deadline": at + timedelta(minutes=1)})
    return Attack("early", _signed(order), ("in the future, by the clock of this machine",))


ATTACKS: tuple[Callable[[random.Random], Attack], ...] = (
    mutated,
    rewritten,
    truncated,
    scribbled,
    unsigned,
    strange,
    retyped,
    reported,
    crossed,
    spread,
    late,
    early,
)
