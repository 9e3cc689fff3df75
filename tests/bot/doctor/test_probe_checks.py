"""Probes that alerts.toml leaves to agents."""

from __future__ import annotations

from alerts.checks.settings import ProbeTable
from baton.bus.facts import Facts
from bot.doctor.probe_checks import probes


def test_probes_that_agents_do() -> None:
    """Each that cannot be done is a FAIL of its own: nobody there, an old agent, no such check."""

    def found(checks: tuple[str, ...] | None, host: str = "web-1") -> list[str]:
        named = [
            ProbeTable(name="disk", host=host, command="disk"),
            ProbeTable(name="shop", host=host, url="http://127.0.0.1/"),
            ProbeTable(name="own", url="http://127.0.0.1/"),
        ]
        facts = Facts(host="web-1", environment="prod", checks=checks)
        return [str(one) for one in probes(named, {"web-1": facts})]

    assert found(("disk",)) == [
        "ok    probes     agents can run all probes that alerts.toml gives them (2)"
    ]
    (wrong,) = found(("load",))
    assert "disk: on web-1 its agent has no check disk (configured: load)" in wrong
    assert all("is too old to run probes  Fix: upgrade it." in line for line in found(None))
    assert "no agent called web-2 responded. Did you mean web-1?" in found(("disk",), "web-2")[0]
    assert probes([], {}) == []
