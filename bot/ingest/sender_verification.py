"""Compares the sender that a message names with the account that RabbitMQ has verified. Pure.

An agent that has a RabbitMQ account of its own uses the name of its queue, `agent.HOST`, and
RabbitMQ refuses a message that names another account as its own (`user_id`). So such an account
speaks for that host alone, and once a host has proven itself nothing unproven is believed of it.
Agents that share an account can prove nothing: they are believed until `required` is set.
"""

from __future__ import annotations

from alerts import Severity
from baton.agent.output import key_of
from baton.bus.exchanges import agent_queue
from baton.bus.messages import Heartbeat, Pong, Probed, Update
from baton.text.printable import printable
from bot.findings import Finding

IDENTITY = "identity"
"""The name of the alert about a forged sender."""
LASTS = 900.0
"""Seconds after which the alert ends, unless it happens again."""

FromServer = Update | Pong | Heartbeat | Probed
_ACCOUNTS = agent_queue("").name


def host_of(message: FromServer) -> str:
    """Return the server that `message` claims to be from."""
    return message.facts.host if isinstance(message, Pong | Heartbeat) else message.host


class SenderVerifier:
    """Judges messages by their account. With `required`, nothing unproven is believed."""

    def __init__(self, *, required: bool = False) -> None:
        self.required = required
        self._proven: set[str] = set()

    def proves(self, message: FromServer, user: str) -> bool:
        """Return whether the account `user`, which sent `message`, is that of the host it names."""
        return user == _ACCOUNTS + host_of(message)

    def forget(self, host: str) -> None:
        """Drop that `host` has proven itself: its agent may share an account from now on."""
        self._proven.discard(host)

    def doubt(self, message: FromServer, user: str, key: str) -> str:
        """Return why `message`, which the account `user` sent under the routing key `key`, is not
        believed; empty if it is."""
        host = host_of(message)
        if key.split(".")[:2] != key_of(message).split(".")[:2]:
            shown = printable(key[:100])
            return f"a message of {host} has the routing key {shown}, which is not its own"
        if self.proves(message, user):
            self._proven.add(host)
            return ""
        if user.startswith(_ACCOUNTS):
            return f"the account {printable(user)} sent it in the name of {host}"
        by = f"the account {printable(user)}" if user else "a sender that names no account"
        if self.required:
            return f"{by} sent it in the name of {host}, and only {_ACCOUNTS}{host} may"
        if host in self._proven:
            return f"{by} sent it in the name of {host}, which has the account {_ACCOUNTS}{host}"
        return ""


def forged_sender(message: FromServer, user: str, reason: str) -> Finding:
    """Report that a sender claims to be another one."""
    about = {"account": user} if user.startswith(_ACCOUNTS) else {"host": host_of(message)}
    text = (
        f"Rejected: {reason}. It was not applied; `baton dead list` shows it. Check who uses that "
        "account, and change its password if you do not know. If the agent shares an account with "
        "others on purpose, run `/baton forget HOST`."
    )
    note = "messages in its name were rejected"
    return Finding(IDENTITY, text, about, Severity.CRITICAL, LASTS, host_of(message), note)


def unrequested_report(message: Update | Pong, reason: str) -> Finding:
    """Report that a server sent updates about work that nobody requested from it."""
    host = host_of(message)
    what = f"{message.command} " if isinstance(message, Update) else ""
    text = (
        f"{host} reports on {what}(job {message.job}), but {reason}. It was not applied. "
        "If you do not know the cause, check the server: somebody else may control it."
    )
    note = "reports work that nobody requested"
    return Finding("unasked", text, {"host": host}, Severity.CRITICAL, LASTS, host, note)
