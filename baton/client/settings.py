"""Where the console is, and the token that it knows us by: from the environment, or from a file
that `baton login` writes."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from baton.client.errors import NotConfigured
from baton.errors import SettingsError

URL_VARIABLE, TOKEN_VARIABLE = "BATON_URL", "BATON_TOKEN"
CLIENT_VARIABLES = (URL_VARIABLE, TOKEN_VARIABLE)
"""Every environment variable that a client reads."""

MAX_FILE = 16_384
"""Bytes of a settings file that are read."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """The address of a console, without a slash at its end, and a token. The demo needs none."""

    url: str
    token: str = field(default="", repr=False)


def client_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the settings file of this user: `~/.config/baton/client.toml`."""
    home = environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    return Path(home) / "baton" / "client.toml"


def load_client(
    environ: Mapping[str, str] = os.environ, file: Path | None = None
) -> ClientSettings:
    """Return the settings of `environ`, completed by those of `file`.

    The token of the file is sent to the address of the file and to no other. Raises NotConfigured
    if there is no address, and SettingsError.
    """
    url, token = environ.get(URL_VARIABLE, ""), environ.get(TOKEN_VARIABLE, "")
    if url:
        url = check_url(url, "the environment", URL_VARIABLE)
    if token:
        check_token(token, "the environment", TOKEN_VARIABLE)
    if not (url and token):
        saved = _saved(file or client_file(environ))
        if saved is not None and url in ("", saved.url):
            url, token = saved.url, token or saved.token
    if not url:
        raise NotConfigured()
    return ClientSettings(url, token)


def save_client(settings: ClientSettings, file: Path | None = None) -> Path:
    """Write `settings` into a file that nobody but its owner can read, and return it.

    Raises SettingsError if it cannot be written.
    """
    file = file or client_file()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".client-")  # 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as written:
                # a text of JSON, in ASCII, is a basic string of TOML
                written.write(f"url = {json.dumps(settings.url)}\n")
                written.write(f"token = {json.dumps(settings.token)}\n")
            os.replace(name, file)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise _wrong(file, "the file itself", error.strerror or str(error), "writable") from None
    return file


def check_url(url: str, file: str | Path, key: str) -> str:
    """Return the address `url` without a slash at its end. Raises SettingsError, which names `file`
    and `key`, if it is none."""
    must = "an address such as https://baton.example.com"
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        usable = usable and parts.port != 0 and url.strip().isascii() and url.strip().isprintable()
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable:
        raise _wrong(file, key, "is not the address of a console", must)
    if parts.username is not None or parts.password is not None:
        raise _wrong(file, key, "holds a user or a password", must)
    if parts.query or parts.fragment:
        raise _wrong(file, key, "holds a `?` or a `#`", must)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def check_token(token: str, file: str | Path, key: str) -> str:
    """Return `token`. Raises SettingsError, which names `file` and `key` and not the token, if it
    can be none."""
    if not token.isascii() or not token.isprintable() or " " in token or len(token) > 500:
        must = "what `/baton token new NAME` showed, and nothing else"
        raise _wrong(file, key, "is not a token", must)
    return token


def _saved(file: Path) -> ClientSettings | None:
    """Return what `file` holds; None if there is no such file."""
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if mode & 0o077:
                problem = f"others can read it (mode {mode & 0o777:04o})"
                raise _wrong(file, "the file itself", problem, f"private: chmod 600 {file}")
            text = opened.read(MAX_FILE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _wrong(file, "the file itself", error.strerror or str(error), "readable") from None
    if len(text) > MAX_FILE:
        raise _wrong(file, "the file itself", "is too long", f"at most {MAX_FILE} bytes")
    try:
        values = tomllib.loads(text.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise _wrong(file, "the file itself", "is not TOML", 'lines such as url = "..."') from None
    for key in ("url", "token"):
        if not isinstance(values.get(key, ""), str):
            raise _wrong(file, key, "is not a text", "text, in quotes")
    url = check_url(values.get("url", ""), file, "url")
    return ClientSettings(url, check_token(values.get("token", ""), file, "token"))


def _wrong(file: str | Path, key: str, problem: str, must: str) -> SettingsError:
    return SettingsError(file=file, key=key, problem=problem, must=must)
