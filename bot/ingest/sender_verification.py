"""Compares the sender that a message names with the account that RabbitMQ has verified. Pure.

An agent that has a RabbitMQ account of its own uses the name of its queue, `agent.HOST`, and
RabbitMQ refuses a message that names another account as its own (`user_id`). So such an account
speaks for that host alone, and once a host has proven itself nothing unproven is believed of it.
Agents that share an account can prove nothing: they are believed until `required` is set. The
account of a worker speaks also for the work queues that its heartbeats name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from alerts import Severity
from baton.agent.output import key_of
from baton.bus.channel import Envelope
from baton.bus.exchanges import agent_queue, queue_of
from baton.bus.messages import WORKER, Heartbeat, Pong, Probed, Surveyed, Update
from baton.bus.signing.header import SIGNATURE
from baton.bus.signing.key_ring import KeyRing
from baton.bus.signing.public_key import PublicKey
from baton.text.printable import printable
from bot.findings import Finding

IDENTITY = "identity"
"""The name of the alert about a forged sender."""
LASTS = 900.0
"""Seconds after which the alert ends, unless it happens again."""

FromServer = Update | Pong | Heartbeat | Probed | Surveyed
_ACCOUNTS = agent_queue("").name


def host_of(message: FromServer) -> str:
    """Return the server that `message` claims to be from."""
    return message.facts.host if isinstance(message, Pong | Heartbeat) else message.host


class SenderVerifier:
    """Judges messages by their account. With `required`, nothing unproven is believed. `serves`
    says whether a worker takes jobs from a work queue: then it speaks for them. `keys` are the
    public keys of servers and workers that sign what they say: unsigned it is not believed."""

    def __init__(
        self,
        *,
        required: bool = False,
        serves: Callable[[str, str], bool] = lambda worker, queue: False,
        keys: Mapping[str, PublicKey] | None = None,
    ) -> None:
        self.required = required
        self._serves = serves
        self._proven: set[str] = set()
        self._rings = {host: KeyRing([key]) for host, key in (keys or {}).items()}

    def unsigned(self, message: FromServer, envelope: Envelope) -> str:
        """Return why the signature of `message`, which came in `envelope`, does not count; empty if
        it does, or if no key of its sender is known."""
        if not self._rings:
            return ""
        host = host_of(message)
        queue = queue_of(host) if isinstance(message, Update) else ""
        names = [one for one in self._rings if (self._serves(one, queue) if queue else one == host)]
        signed, body = envelope.headers.get(SIGNATURE), envelope.body
        doubts = {name: self._rings[name].doubt(message.type, body, signed) for name in names}
        if not doubts or None in doubts.values():
            return ""
        name, doubt = next(iter(doubts.items()))
        assert doubt is not None
        which = f"the key of {name}" if len(doubts) == 1 else f"a key of a worker of {queue}"
        return (
            f"a message of {host} must be signed with {which} ([signing.agents]): it {doubt.text}"
        )

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
        queue = queue_of(host) if isinstance(message, Update) else ""
        if queue:
            return self._doubt_worker(message, user, queue)
        if user.startswith(_ACCOUNTS):
            return f"the account {printable(user)} sent it in the name of {host}"
        by = f"the account {printable(user)}" if user else "a sender that names no account"
        if self.required:
            return f"{by} sent it in the name of {host}, and only {_ACCOUNTS}{host} may"
        if host in self._proven:
            return f"{by} sent it in the name of {host}, which has the account {_ACCOUNTS}{host}"
        return ""

    def _doubt_worker(self, message: FromServer, user: str, queue: str) -> str:
        """Return why what a worker says of a job of `queue` is not believed."""
        named = message.facts.get(WORKER) if isinstance(message, Update) else None
        worker = printable(named) if isinstance(named, str) else ""
        about = f"a job of the queue {queue}"
        if user.startswith(_ACCOUNTS):
            proven = user.removeprefix(_ACCOUNTS)
            if worker and worker != proven:
                return f"the account {printable(user)} sent it in the name of {worker}"
            if not self._serves(proven, queue):
                return (
                    f"the account {printable(user)} reports {about}, and no heartbeat of "
                    f"{printable(proven)} names that queue"
                )
            self._proven.add(proven)
            return ""
        by = f"the account {printable(user)}" if user else "a sender that names no account"
        if self.required:
            return f"{by} reports {about}, and only the account {_ACCOUNTS}WORKER of a worker may"
        if worker in self._proven:
            return (
                f"{by} sent it in the name of {worker}, which has the account {_ACCOUNTS}{worker}"
            )
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
