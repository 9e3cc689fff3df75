"""A bot that signs, an agent that looks, and an attacker with the password of RabbitMQ."""

from __future__ import annotations

from typing import Any

from baton.agent.trust.settings import SigningTable
from baton.agent.trust.trust import Trust
from baton.bus.api import API, to_envelope
from baton.bus.channel import Envelope
from baton.bus.exchanges import INPUT, host_key
from baton.bus.messages import Message
from baton.bus.signing.private_key import PrivateKey
from baton.bus.signing.signer import KeySigner
from tests.baton.stage import HOST, Stage

BOT, STRANGER = PrivateKey.new("bot"), PrivateKey.new("stranger")
SIGNER = KeySigner([BOT])


def trust(mode: str = "require", *keys: PrivateKey, **options: Any) -> Trust:
    """What an agent trusts that trusts the bot, or these keys."""
    lines = [key.public.line for key in keys or (BOT,)]
    return Trust(SigningTable.model_validate({"mode": mode, "keys": lines}), **options)


def envelope(message: Message, *keys: PrivateKey) -> Envelope:
    """What the bot, or who has these keys, sends."""
    return to_envelope(message, KeySigner(keys or (BOT,)))


async def send(stage: Stage, message: Message, *keys: PrivateKey) -> None:
    """Send it signed by the bot, or by these keys."""
    signer = KeySigner(keys or (BOT,))
    await API(stage.channel, signer).publish(INPUT, host_key(HOST), message, mandatory=True)


async def resend(stage: Stage, envelope: Envelope) -> None:
    """Publish these bytes, as whoever has the password of RabbitMQ can."""
    await stage.channel.publish(INPUT, host_key(HOST), envelope, mandatory=True)
