"""A release is made from an archive: a tar file at an address, which a checksum vouches for.

It is downloaded beside the releases and compared with its checksum before any part of a release is
made of it. tar(1) unpacks it as its own program, so that a cancel ends it; GNU tar writes nothing
outside the folder it is given (its manual, "Absolute File Names" and "Security").
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from baton.errors import Failed
from commands.deploy.address import address
from commands.deploy.settings import ArchiveSettings, filled
from commands.deploy.source import STEP, NoSuchRef
from commands.deploy.steps import Steps

if TYPE_CHECKING:
    import httpx

ATTEMPT = 30.0
"""Seconds that a server may say nothing, at the start and between two parts of an archive."""
REDIRECTS = 5
"""Stores of files often send a client on to a short-lived address."""
CHECKSUM_LIMIT = 1_000_000
"""Bytes of a list of checksums that are read."""
REPORT_EVERY = 10.0
"""Seconds between two reports of how much of an archive has been downloaded."""

_LINE = re.compile(r"(?P<sum>[0-9A-Fa-f]{64})(?:[ \t]+\*?(?P<name>\S.*))?")


class Archive:
    """An archive is the tar file of one version of an app, as its settings name it."""

    def __init__(self, file: Path, settings: ArchiveSettings, steps: Steps) -> None:
        self._file = file
        self._settings = settings
        self._steps = steps

    async def fetched(self, ref: str) -> str:
        """Download the archive of `ref`, and return its SHA-256 once it is what the checksum says.

        Raises NoSuchRef if there is none of that version, and Failed.
        """
        values = {name: quote(text) for name, text in {**self._steps.values, "ref": ref}.items()}
        url = filled(self._settings.url, values)
        limit = self._steps.settings.step_limit
        try:
            async with asyncio.timeout(limit.seconds):
                wanted = await listed_checksum(self._settings, {**self._steps.values, "ref": ref})
                found = await self._download(url)
        except TimeoutError:
            self.forget()
            raise Failed(
                f"{STEP} failed: the archive was not downloaded within {limit.seconds:g} s"
                f" ({limit.setting})"
            ) from None
        except BaseException:
            self.forget()
            raise
        if found != wanted:
            self.forget()
            raise Failed(
                f"{STEP} failed: the archive is not the one that its checksum names: its SHA-256 is"
                f" {found}, not {wanted}"
            )
        return found

    async def write(self, release: Path) -> None:
        """Unpack the archive into `release`, which is empty. Raises Failed."""
        argv = (
            "tar",
            "--extract",
            f"--file={self._file}",
            f"--directory={release}",
            f"--strip-components={self._settings.strip}",
            "--no-same-owner",
            "--delay-directory-restore",
        )
        said: list[str] = []

        def tell(text: str) -> None:
            said.append(text)
            self._steps.say(STEP, text)

        ended = await self._steps.ours(STEP, argv, release.parent, {"LC_ALL": "C.UTF-8"}, tell)
        if not ended.well:
            lines = "\n".join(said).splitlines()
            raise Failed(f"{STEP} failed: {lines[0] if lines else f'tar: {ended}'}")
        if not await asyncio.to_thread(os.listdir, release):
            raise Failed(
                f"{STEP} failed: no file of the archive is left (strip = {self._settings.strip})"
            )
        self.forget()

    def forget(self) -> None:
        """Remove what was downloaded."""
        self._file.unlink(missing_ok=True)

    async def _download(self, url: str) -> str:
        """Write the archive at `url` into our file; return its SHA-256."""
        digest, size, told = hashlib.sha256(), 0, time.monotonic()
        async with _answer(url) as answer:
            length = answer.headers.get("Content-Length", "")
            whole = int(length) if length.isascii() and length.isdigit() else 0
            with self._file.open("wb") as file:
                # as stored: some servers call a .tar.gz a gzipped tar; the checksum is of the file
                async for part in answer.aiter_raw():
                    digest.update(part)
                    size += len(part)
                    await asyncio.to_thread(file.write, part)
                    if time.monotonic() - told > REPORT_EVERY:
                        told = time.monotonic()
                        of = f" of {whole / 1e6:,.0f}" if whole else ""
                        self._steps.say(STEP, f"{size / 1e6:,.0f}{of} MB downloaded")
        return digest.hexdigest()


async def listed_checksum(settings: ArchiveSettings, values: Mapping[str, str]) -> str:
    """Return the SHA-256 that an archive must have, by its checksum. `values` fill the addresses.

    Raises NoSuchRef and Failed.
    """
    if settings.checksum_url is None:
        return settings.sha256.lower()
    quoted = {name: quote(text) for name, text in values.items()}
    path = urlsplit(filled(settings.url, quoted)).path
    listed = await _text(filled(settings.checksum_url, quoted))
    try:
        return checksum(listed, unquote(PurePosixPath(path).name))
    except ValueError as error:
        raise Failed(f"{STEP} failed: {error}") from None


async def _text(url: str) -> str:
    async with _answer(url) as answer:
        body = b""
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > CHECKSUM_LIMIT:
                break
    return body[:CHECKSUM_LIMIT].decode(errors="replace")


@asynccontextmanager
async def _answer(url: str) -> AsyncIterator[httpx.Response]:
    """Yield the answer of `url`. Raises NoSuchRef for 404 and 410, else Failed."""
    import httpx  # here, because an agent without an archive need not hold it in memory

    where = address(url)
    login = (where.user, where.password) if where.secrets else None
    try:
        async with (
            httpx.AsyncClient(
                timeout=ATTEMPT,
                follow_redirects=True,
                max_redirects=REDIRECTS,
                headers={"Accept-Encoding": "identity"},
                event_hooks={"response": [_secure]},
            ) as client,
            client.stream("GET", where.url, auth=login) as answer,
        ):
            if answer.status_code in (404, 410):
                raise NoSuchRef(f"there is nothing at {where.url} ({answer.status_code})")
            if answer.status_code != 200:
                raise Failed(f"{STEP} failed: {where.url} answered {answer.status_code}")
            yield answer
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise Failed(f"{STEP} failed: {where.url}: {reason}") from error


async def _secure(answer: httpx.Response) -> None:
    """Follow no redirect that leaves TLS."""
    if not answer.has_redirect_location or answer.url.scheme != "https":
        return
    if answer.url.join(answer.headers["Location"]).scheme != "https":
        raise Failed(f"{STEP} failed: {answer.url.host} redirects from https to http")


def checksum(listed: str, name: str) -> str:
    """Return the SHA-256 of the file `name` in `listed`, as sha256sum(1) writes it: one sum alone,
    or lines of sums and names.

    Raises ValueError if there is none, or if two differ.
    """
    found = [match for line in listed.splitlines() if (match := _LINE.fullmatch(line.strip()))]
    alone = [match["sum"] for match in found if match["name"] is None]
    sums = [match["sum"] for match in found if PurePosixPath(match["name"] or "").name == name]
    distinct = {each.lower() for each in sums or (alone if len(found) == 1 else [])}
    if not distinct:
        raise ValueError(f"the list of checksums has no SHA-256 of {name}")
    if len(distinct) > 1:
        raise ValueError(f"the list of checksums has {len(distinct)} different sums of {name}")
    return distinct.pop()
