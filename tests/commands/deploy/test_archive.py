"""Releases from an archive: a real tar file, an address that answers as files' servers do."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import respx

from baton.bus.messages import State
from baton.testing import Asked, Kit
from commands.deploy.archive import checksum
from tests.commands.conftest import MakeKit

URL = "https://files.example.com/shop-{ref}.tar.gz"
V1 = "https://files.example.com/shop-v1.tar.gz"
SUMS = f"{URL}.sha256"


def tar(**files: str) -> bytes:
    """A gzipped tar file with `files`; `__` in a name is `/`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name.replace("__", "/"))
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


Publish = Callable[..., respx.Route]


@pytest.fixture
def publish(respx_mock: respx.MockRouter) -> Publish:
    """Put an archive and a checksum, by default its own, at the address of a version."""

    def put(ref: str, body: bytes, listed: str | None = None) -> respx.Route:
        url = URL.replace("{ref}", ref)
        listed = f"{sha(body)}  shop-{ref}.tar.gz\n" if listed is None else listed
        respx_mock.get(f"{url}.sha256").respond(text=listed)
        # as some servers do: the sum is that of the file, not of what is in the gzip
        encoding = {"Content-Encoding": "gzip"} if body.startswith(b"\x1f\x8b") else {}
        route = respx_mock.get(url)
        route.respond(content=body, headers=encoding)
        return route

    return put


def by_archive(make_kit: MakeKit, **more: object) -> Kit:
    return make_kit(archive={"url": URL, "checksum_url": SUMS, **more})


async def test_an_archive_becomes_a_release(
    make_kit: MakeKit, publish: Publish, shop: Path
) -> None:
    """Its files are live, the facts have its checksum, and nothing of the download is left."""
    body = tar(**{"shop-1__version": "v1\n", "shop-1__bin__run": "x"})
    publish("v1", body)
    asked = await by_archive(make_kit, strip=1).ask("deploy shop prod --ref v1")
    assert (asked.state, asked.text) == (State.SUCCEEDED, "v1 is live")
    assert (shop / "current" / "version").read_text() == "v1\n"
    assert (shop / "current" / "bin" / "run").exists()
    assert asked.facts["sha256"] == sha(body)
    assert "archive.part" not in os.listdir(shop)


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("0" * 64, "is not the one that its checksum names: its SHA-256 is"),
        ("", "the list of checksums has no SHA-256 of shop-v1.tar.gz"),
        (f"{'0' * 64}  other.tar.gz", "the list of checksums has no SHA-256 of shop-v1.tar.gz"),
    ],
)
async def test_without_its_checksum_nothing_is_unpacked(
    make_kit: MakeKit, publish: Publish, shop: Path, listed: str, said: str
) -> None:
    """What is not vouched for fails the deploy before any part of a release is made."""
    publish("v1", tar(version="v1"), listed)
    asked = await by_archive(make_kit).ask("deploy shop prod --ref v1")
    assert asked.state is State.FAILED
    assert said in asked.text
    assert os.listdir(shop / "releases") == []
    assert "archive.part" not in os.listdir(shop)


async def test_a_version_that_is_not_there_is_refused(
    make_kit: MakeKit, respx_mock: respx.MockRouter
) -> None:
    """A typo is no incident; the address is named. If the settings ask for it, it fails."""
    respx_mock.get(V1 + ".sha256").respond(404)
    asked = await by_archive(make_kit).ask("deploy shop prod --ref v1")
    assert (asked.state, asked.text) == (
        State.REFUSED,
        f"there is nothing at {V1}.sha256 (404)",
    )
    configured = make_kit(archive={"url": URL, "checksum_url": SUMS}, ref="v1")
    assert (await configured.ask("deploy shop prod")).state is State.FAILED


async def test_which_archive_must_be_clear(make_kit: MakeKit, respx_mock: respx.MockRouter) -> None:
    """Without a version where there are several, or with one where there is only one: refused."""
    asked = await by_archive(make_kit).ask("deploy shop prod")
    assert (asked.state, asked.text) == (
        State.REFUSED,
        "Choose a version with --ref, or set ref in [deploy.shop].",
    )
    body = tar(version="only")
    kit = make_kit(archive={"url": V1, "sha256": sha(body).upper()})
    asked = await kit.ask("deploy shop prod --ref v1")
    assert (asked.state, asked.text) == (
        State.REFUSED,
        "shop has one archive here, whatever the version: leave out --ref.",
    )
    respx_mock.get(V1).respond(content=body)
    assert (await kit.ask("deploy shop prod")).state is State.SUCCEEDED


async def failure(kit: Kit) -> Asked:
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.state is State.FAILED
    return asked


async def test_what_a_server_of_files_can_do_is_said(
    make_kit: MakeKit, publish: Publish, respx_mock: respx.MockRouter
) -> None:
    """An error, a lost connection and a redirect out of TLS fail the deploy, in words."""
    kit, route = by_archive(make_kit), publish("v1", b"")
    route.respond(500)
    assert (await failure(kit)).text == f"fetch failed: {V1} answered 500"
    route.mock(side_effect=httpx.ReadError("connection reset"))
    assert (await failure(kit)).text == f"fetch failed: {V1}: connection reset"
    route.respond(302, headers={"Location": "http://files.example.com/shop"})
    said = "fetch failed: files.example.com redirects from https to http"
    assert (await failure(kit)).text == said
    elsewhere = "https://cdn.example.com/x"
    route.respond(302, headers={"Location": elsewhere})
    respx_mock.get(elsewhere).respond(content=b"no tar file")
    assert "SHA-256" in (await failure(kit)).text


async def test_a_file_that_is_no_archive_leaves_no_release(
    make_kit: MakeKit, publish: Publish, shop: Path
) -> None:
    """tar's own words are the reason; so is an archive of which nothing is left."""
    publish("v1", b"no tar file")
    assert "fetch failed: tar: " in (await failure(by_archive(make_kit))).text
    publish("v1", tar(version="v1"))
    said = (await failure(by_archive(make_kit, strip=1))).text
    assert said == "fetch failed: no file of the archive is left (strip = 1)"
    assert not (shop / "current").exists()


@pytest.mark.parametrize("name", ["../escaped", "/tmp/baton-escaped", "a/../../escaped"])
async def test_an_archive_writes_nothing_outside_its_release(
    make_kit: MakeKit, publish: Publish, shop: Path, name: str
) -> None:
    """A name that leads out ends inside, or fails the deploy."""
    publish("v1", tar(**{name: "x", "version": "v1"}))
    await by_archive(make_kit).ask("deploy shop prod --ref v1")
    assert not [path for path in shop.parent.rglob("escaped") if "releases" not in path.parts]
    assert "baton-escaped" not in os.listdir("/tmp")
    assert not (shop / "releases" / "escaped").exists()


async def test_a_password_in_the_address_is_sent_and_not_shown(
    make_kit: MakeKit, respx_mock: respx.MockRouter
) -> None:
    """The server gets it as a header; no text, step or log has it."""
    body = tar(version="v1")
    asks = respx_mock.get(V1)
    asks.respond(content=body)
    address = V1.replace("https://", "https://ci:s3cret-word@")
    kit = make_kit(archive={"url": address, "sha256": sha(body)})
    asked = await kit.ask("deploy shop prod")
    assert asked.state is State.SUCCEEDED
    assert asks.calls.last.request.headers["Authorization"].startswith("Basic ")
    asks.respond(403)
    asked = await kit.ask("deploy shop prod")
    shown = V1.replace("https://", "https://ci@")
    assert asked.text == f"fetch failed: {shown} answered 403"
    assert "s3cret" not in "".join([asked.text, asked.log, *asked.said])


def test_checksums_as_sha256sum_writes_them() -> None:
    """One sum alone, or the line of the file, however it is marked and cased."""
    one, other = "ab" * 32, "cd" * 32
    assert checksum(f"{one}\n", "a.tar") == one
    assert checksum(f"{one.upper()} *dist/a.tar\n{other}  b.tar\n", "a.tar") == one
    for listed in (f"{one}\n{other}\n", f"{one}  a.tar\n{other}  a.tar\n", "404 not found", ""):
        with pytest.raises(ValueError, match=r"the list of checksums has"):
            checksum(listed, "a.tar")
