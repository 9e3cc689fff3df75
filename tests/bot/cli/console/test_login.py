"""`baton login | logout`: a token is tried, kept for its owner alone, and removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bot.cli.console.programs import Program
from tests.bot.web.console.conftest import Console
from tests.bot.web.console.sign_in.conftest import Site
from tests.support.ports import free_port


async def test_who_signs_in_is_known_from_then_on(console: Console, tmp_path: Path) -> None:
    """The token comes on the input; it is in a file of mode 0600 and nowhere else."""
    baton = Program(str(tmp_path))
    code, out, err = await baton.ran("login", f"{console.web.url}/", typed="t0ken\n")
    file = tmp_path / ".config" / "baton" / "client.toml"
    assert (code, err) == (0, "")
    assert out == f"Signed in to {console.web.url} as ann. It is kept in {file}.\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "t0ken" in file.read_text()
    assert (await baton.ran("help"))[0] == 0
    code, out, err = await baton.ran("logout")
    assert (code, err) == (0, "")
    assert "still valid" in out
    assert (await baton.ran("help"))[0] == 2
    assert (await baton.ran("logout"))[1] == "Nobody is signed in here.\n"


async def test_the_environment_counts_before_the_file(console: Console, tmp_path: Path) -> None:
    """Whoever signs in while BATON_URL is set reads that it hides what was kept."""
    baton = Program(str(tmp_path), BATON_URL="http://127.0.0.1:1")
    code, _, err = await baton.ran("login", console.web.url, typed="t0ken\n")
    assert code == 0
    assert "BATON_URL is set in the environment" in err


async def test_a_token_of_the_chat_signs_in(site: Site, tmp_path: Path) -> None:
    """It may do what its scope allows, until it is revoked; each refusal says what to do."""
    baton = Program(str(tmp_path))
    text = await site.asked_in_chat("token new laptop --scope read")
    token = next(word for word in text.split() if word.startswith("baton_"))
    code, out, err = await baton.ran("login", site.web.url, typed=f"{token}\n")
    assert (code, err) == (0, ""), out
    assert (await baton.ran("jobs"))[:2] == (0, "There are no such jobs.\n")
    code, _, err = await baton.ran("help")
    assert code == 1
    assert "may only read" in err
    await site.asked_in_chat("token revoke laptop")
    code, _, err = await baton.ran("jobs")
    assert code == 2
    assert "`/baton token new NAME --scope ask`" in err
    assert token not in err
    code, _, err = await baton.ran("login", site.web.url, typed="baton_wrong\n")
    assert code == 2


@pytest.mark.parametrize(
    ("url", "typed", "told"),
    [
        ("baton", "t\n", "baton login: URL: is not the address of a console"),
        ("http://127.0.0.1:{port}", "a b s3cret\n", "the token: is not a token"),
        ("http://127.0.0.1:{port}", "s3cret\n", "cannot be reached since"),
    ],
)
async def test_nothing_is_kept_that_does_not_work(
    url: str, typed: str, told: str, tmp_path: Path
) -> None:
    """It is one line, without the token, and the file is not written."""
    baton = Program(str(tmp_path))
    code, out, err = await baton.ran("login", url.format(port=free_port()), typed=typed)
    assert code in (2, 4)
    assert told in err
    assert "s3cret" not in out + err
    assert not (tmp_path / ".config").exists()
