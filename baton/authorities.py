"""Whom this machine trusts over TLS."""

from __future__ import annotations

import ssl


def trusted() -> ssl.SSLContext:
    """Return a context that trusts whom this machine does, a company's own authority too, and the
    authorities that httpx brings along."""
    import httpx  # here, because an agent without such checks need not hold it in memory

    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context
