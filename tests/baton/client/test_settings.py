"""Where the console is, and the token: the environment, the file, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from baton.client.errors import NotConfigured
from baton.client.settings import ClientSettings, client_file, load_client, save_client
from baton.errors import SettingsError

URL = "https://baton.example.com"


def test_what_is_saved_is_read_by_its_owner_alone(tmp_path: Path) -> None:
    """`baton login` writes a file with mode 0600, and what it wrote is what is read."""
    file = tmp_path / "a" / "client.toml"
    settings = ClientSettings(URL, 'a"b\\c')
    save_client(settings, file)
    save_client(settings, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["client.toml"]
    assert load_client({}, file) == settings
    assert "a" not in repr(settings).partition("token")[2]


def test_the_file_is_found_where_settings_of_a_user_are(tmp_path: Path) -> None:
    """By the XDG base directories."""
    assert client_file({"XDG_CONFIG_HOME": "/x"}) == Path("/x/baton/client.toml")
    assert client_file({}) == Path("~/.config/baton/client.toml").expanduser()
    save_client(ClientSettings(URL, "t"), tmp_path / "baton" / "client.toml")
    assert load_client({"XDG_CONFIG_HOME": str(tmp_path)}) == ClientSettings(URL, "t")


def test_nothing_configured(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="baton login URL"):
        load_client({}, tmp_path / "none")


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, (URL, "saved")),
        ({"BATON_TOKEN": "mine"}, (URL, "mine")),
        ({"BATON_URL": f"{URL}/"}, (URL, "saved")),
        ({"BATON_URL": "http://other:8080"}, ("http://other:8080", "")),
        ({"BATON_URL": "http://other", "BATON_TOKEN": "mine"}, ("http://other", "mine")),
    ],
)
def test_a_saved_token_goes_to_its_own_console_alone(
    environ: dict[str, str], found: tuple[str, str], tmp_path: Path
) -> None:
    """Whoever sets another address does not send the token of the file there."""
    file = save_client(ClientSettings(URL, "saved"), tmp_path / "client.toml")
    assert load_client(environ, file) == ClientSettings(*found)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "baton",
        "ftp://x",
        "https://",
        "https://u:p@x",
        "https://x?a",
        "https://x:99999",
        "https://ü",
    ],
)
def test_an_address_that_is_none(url: str, tmp_path: Path) -> None:
    """The error names the file and the key."""
    file = tmp_path / "client.toml"
    file.touch(0o600)
    file.write_text(f'url = "{url}"\n')
    with pytest.raises(SettingsError, match=r"client.toml: url: .* https://baton.example.com"):
        load_client({}, file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "is not TOML"),
        ("url = 1", "url: is not a text"),
        ('url = "https://x"\ntoken = "a b s3cret"', "token: is not a token"),
        ("#" * 20_000, "is too long"),
    ],
)
def test_a_file_that_cannot_be_used(text: str, told: str, tmp_path: Path) -> None:
    """It is one sentence, which shows nothing of a token."""
    file = tmp_path / "client.toml"
    file.touch(0o600)
    file.write_text(text)
    with pytest.raises(SettingsError, match=told) as error:
        load_client({}, file)
    assert "s3cret" not in str(error.value)


def test_a_file_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    """Its token may be known to others: the error says what to do."""
    file = save_client(ClientSettings(URL, "t"), tmp_path / "client.toml")
    file.chmod(0o640)
    with pytest.raises(SettingsError, match=r"others can read it \(mode 0640\).*chmod 600"):
        load_client({}, file)


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="It must be writable"):
        save_client(ClientSettings(URL), tmp_path / "file" / "client.toml")
