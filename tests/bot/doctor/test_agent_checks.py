"""`baton doctor` on a server: the checks of its agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from baton.agent.service import Service
from baton.bus.channel import Channel
from baton.bus.exchanges import agent_queue
from tests.bot.doctor.report import line_of, told
from tests.support.wait import until


async def test_agents_file(amqp_url: str, agent: Service, tmp_path: Path) -> None:
    """An agent's file is known as one: its server, folders and programs are looked at, and whether
    it is heard."""
    file = tmp_path / "agent.toml"
    file.write_text(
        f'[bus]\nurl = "{amqp_url}"\n[server]\nenvironment = "prod"\nfqdn = "web-1"\n'
        f'[agent]\nstate = "{tmp_path}/state"\n'
        f'[deploy.shop]\npath = "{tmp_path}/shop"\nrepository = "/r"\n'
        '[checks.disk]\ncommand = ["sh", "-c", "true"]\n'
        '[probes]\nallow = ["db-1:5432"]\n'
    )
    await until(lambda: _depth(agent.channel))
    code, text = await told(file)
    assert code == 0, text
    assert "web-1 in prod runs shop; commands: deploy, ping" in line_of(text, "settings")
    for what in ("journal", "shop", "git", "sh", "bus", "queue", "agents"):
        assert line_of(text, what).startswith("ok"), text
    assert "checks: disk; allowed addresses: db-1:5432" in line_of(text, "probes")
    file.write_text(file.read_text().replace("web-1", "web-2").replace('["sh"', '["no-plugin"'))
    code, text = await told(file)
    assert code == 1
    assert "no-plugin  not found  Fix: install it, or set its full path" in text
    assert "web-2 (this server) is not among them  Fix: start it" in text


async def _depth(channel: Channel) -> bool:
    return await channel.depth(agent_queue("web-1")) is not None


@pytest.mark.parametrize(
    ("change", "what", "problem"),
    [
        (("environment", "enviroment"), "settings", "id you mean environment?"),
        (("repository", "repo"), "settings", "repo"),
        (("STATE", "/proc/none"), "journal", "/proc/none"),
    ],
)
async def test_agents_file_is_wrong(
    tmp_path: Path, change: tuple[str, str], what: str, problem: str
) -> None:
    """What an agent cannot start with, or cannot work with, is a FAIL that names it."""
    file = tmp_path / "agent.toml"
    text = (
        f'[server]\nenvironment = "prod"\n[agent]\nstate = "STATE"\n'
        f'[deploy.shop]\npath = "{tmp_path}/shop"\nrepository = "/r"\n'
    )
    file.write_text(text.replace(*change).replace("STATE", str(tmp_path)))
    code, said = await told(file)
    assert code == 1
    assert line_of(said, what).startswith("FAIL")
    assert problem in line_of(said, what)
