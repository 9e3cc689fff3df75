"""Explains a failure of the client library: what it means, whether it is permanent, and the fix.
Pure."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator

from aiormq.exceptions import (
    AuthenticationError,
    ChannelAccessRefused,
    ChannelLockedResource,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    ConnectionNotAllowed,
    InvalidFrameError,
    ProbableAuthenticationError,
)

from baton.bus.channel import BOT_FIRST
from baton.bus.urls import redacted, user_of, vhost_of
from baton.errors import BatonError, BusRefused, Disconnected, NotMade, QueueMismatch

_CONNECT = re.compile(r"\b(\d+)\]? Connect call failed")
"""How asyncio reports that it could not connect: the number of the error is the reason."""
_REFUSED = os.strerror(errno.ECONNREFUSED).lower()

RIGHTS = "see README.md, “RabbitMQ”, for the permissions of each account."


def reason_of(error: BaseException) -> str:
    """Return what `error` means, in a few words."""
    if isinstance(error, Disconnected):
        return str(error.facts.get("reason"))
    if isinstance(error, BatonError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    said = " ".join(str(part) for part in error.args if part not in (None, ""))
    if (number := _CONNECT.search(said)) is not None:
        return os.strerror(int(number[1])).lower()
    return said or f"the connection was lost ({type(error).__name__})"


def fix_for(error: BaseException, url: str) -> str:
    """Return what fixes `error`; empty if that is not known."""
    if isinstance(error, BatonError):
        return str(error.facts.get("fix", ""))
    causes = list(_causes(error))
    for one in causes:
        if isinstance(one, ssl.SSLCertVerificationError):
            return _certificate(one)
    if any(isinstance(one, ssl.SSLError) for one in causes):
        return "use the port on which RabbitMQ speaks TLS (5671), or amqp:// without TLS."
    if any(isinstance(one, socket.gaierror) for one in causes):
        return "correct the host name in [bus] url (BATON_BUS_URL), or the DNS of this machine."
    if any(isinstance(one, ConnectionRefusedError) or _refuses(one) for one in causes):
        return "start RabbitMQ, or correct host and port in [bus] url (BATON_BUS_URL)."
    if any(isinstance(one, TimeoutError) or _no_way(one) for one in causes):
        return (
            "allow connections from this machine to RabbitMQ (firewall, network), or correct"
            " [bus] url."
        )
    return ""


def login_refusal(error: Exception, url: str) -> BusRefused | None:
    """Return the refusal that `error` means for a login at `url`, if it is one."""
    if isinstance(error, ProbableAuthenticationError | AuthenticationError):
        name = user_of(url)
        return BusRefused(
            user=name,
            what="to log in",
            reason=reason_of(error),
            fix="Correct user and password in [bus] url (BATON_BUS_URL), or set them: "
            f"rabbitmqctl change_password {name} PASSWORD.",
        )
    if isinstance(error, ConnectionNotAllowed):
        return _no_vhost(url, reason_of(error))
    if isinstance(error, InvalidFrameError) and "OpenOk" in str(error):
        # the client does not read the broker's reason here
        return _no_vhost(url, "it does not exist, or this user may not use it")
    return None


def _no_vhost(url: str, reason: str) -> BusRefused:
    """Return the refusal of the virtual host of `url`."""
    name, host = user_of(url), vhost_of(url)
    return BusRefused(
        user=name,
        what=f"the virtual host {host}",
        reason=reason,
        fix=f"Correct it in [bus] url (BATON_BUS_URL), or create it: rabbitmqctl add_vhost {host}; "
        f"then grant the permissions: {RIGHTS}",
    )


def refusal(error: Exception, url: str, what: str) -> BusRefused | None:
    """Return the permanent refusal that `error` means for `what` at `url`, if it is one."""
    if isinstance(error, ChannelAccessRefused):
        fixed = f"Grant the permission: {RIGHTS}"
    elif isinstance(error, ChannelPreconditionFailed | ChannelLockedResource):
        fixed = "Delete the existing one, or run the same version of Baton everywhere."
    elif isinstance(error, ValueError):  # the client itself refuses a name that is too long
        fixed = "Choose a shorter name."
    else:
        return None
    return BusRefused(user=user_of(url), what=what, reason=reason_of(error), fix=fixed)


def refused_publish(reason: str) -> tuple[str, str] | None:
    """Return exchange and routing key of the publish that the broker's `reason` refuses. If the key
    does not matter, it is any key."""
    found = re.search(r"(?:topic '([^']*)' in )?exchange '([^']*)'", reason)
    return (found[2], found[1] or "-") if found else None


def mismatch(error: ChannelPreconditionFailed, url: str, queue: str) -> QueueMismatch:
    """Return the refusal of a queue that exists with other settings."""
    return QueueMismatch(
        user=user_of(url), what=f"to declare queue {queue}", queue=queue, reason=reason_of(error)
    )


def not_made(error: ChannelNotFoundEntity, url: str) -> NotMade:
    """Return the error for something missing that we may not create."""
    return NotMade(
        url=redacted(url),
        reason=f"{reason_of(error)}: the bot creates it when it connects",
        fix=BOT_FIRST,
    )


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    said = error.verify_message or str(error)
    if "match" in said:
        return "use the host name of RabbitMQ's certificate in [bus] url, or renew the certificate."
    if "expired" in said or "not yet valid" in said:
        return "renew RabbitMQ's certificate, and check the clock of this machine."
    return (
        "add ?cafile=/path/to/ca.pem to [bus] url (BATON_BUS_URL): the certificate of the "
        "authority that signed RabbitMQ's; or set SSL_CERT_FILE."
    )


def _refuses(error: BaseException) -> bool:
    """Return whether nothing listens there. The client keeps the system's text, not its error."""
    return _REFUSED in reason_of(error) or errno.ECONNREFUSED in error.args[:1]


def _no_way(error: BaseException) -> bool:
    ways = (errno.EHOSTUNREACH, errno.ENETUNREACH)
    return any(os.strerror(number).lower() in reason_of(error) for number in ways)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
