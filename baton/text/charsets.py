"""Bytes of others become text, by the charset that they declare. Pure."""

from __future__ import annotations

import json
import re

# the codecs of text that take time in proportion to its length; Python has others, such as punycode
_KNOWN = re.compile(
    r"(?:utf[-_]?(?:8|16|32)(?:[-_]?(?:le|be|sig))?|(?:us-)?ascii|iso[-_]?8859[-_]\d+|latin[-_]?\d+"
    r"|windows[-_]\d+|cp[-_]?\d+|koi8[-_]\w|mac[-_]?roman|gb2312|gbk|gb18030|big5|euc[-_]?(?:jp|kr)"
    r"|shift[-_]?jis)",
    re.IGNORECASE,
)


def decoded(body: bytes, charset: str = "") -> str:
    """Return `body` as text; what cannot be read in it becomes U+FFFD.

    Without a charset, or with an unknown one, it is UTF-8, UTF-16 or UTF-32, as a byte order mark
    or the first bytes show.
    """
    if not _KNOWN.fullmatch(charset):
        charset = json.detect_encoding(body)
    try:
        return body.decode(charset, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def charset_of(content_type: str) -> str:
    """Return the charset that a Content-Type declares; empty if it declares none."""
    found = re.search(r";\s*charset\s*=\s*[\"']?([^\"';\s]+)", content_type, re.IGNORECASE)
    return found[1] if found else ""
