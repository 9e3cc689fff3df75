"""What the URL of a connection says of TLS is looked at before anything is opened."""

from __future__ import annotations

import os

import structlog

from baton.bus.urls import option_of, redacted
from baton.errors import SettingsError

log = structlog.get_logger(__name__)


def look_at_tls(url: str) -> None:
    """Log what weakens TLS. Raises SettingsError for a file that cannot be read."""
    for name in ("cafile", "capath", "certfile", "keyfile"):
        path = option_of(url, name)
        if path is not None and not os.access(path, os.R_OK):
            raise SettingsError(
                file="BATON_BUS_URL or [bus] url",
                key=f"url?{name}",
                problem=f"{path} cannot be read",
                must="a file (capath: a folder) that this user may read",
            )
    if option_of(url, "no_verify_ssl") == "1":
        log.warning(
            "the certificate of RabbitMQ is not verified (no_verify_ssl=1): anyone on the network "
            "path can read the password and send requests; use ?cafile=/path/to/ca.pem",
            url=redacted(url),
        )
