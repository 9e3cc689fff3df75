"""The recipes of docs/integrations.md, each sent to the real app as the other side sends it. The
bodies in `bodies/` are as the services write them."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.ingest.model import CloudEvent, Phase
from tests.bot.web.conftest import NOW, Site

PAGE = (Path(__file__).parents[3] / "docs" / "integrations.md").read_text()
BODIES = Path(__file__).parent / "bodies"
BEARER = {"Authorization": "Bearer am-token"}


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def blocks(title: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", section(title), re.MULTILINE | re.DOTALL)


def body(name: str) -> bytes:
    return (BODIES / f"{name}.json").read_bytes()


async def test_alertmanager(site: Site) -> None:
    """Every alert of the group, as it is now."""
    answer = await site.client.post("/alerts", content=body("alertmanager"), headers=BEARER)
    assert (answer.status_code, answer.json()) == (200, {"taken": 2})
    firing, resolved = site.sink.alerts
    assert firing.firing
    assert firing.annotations["runbook_url"] == "https://wiki.example.com/disk"
    assert not resolved.firing
    assert resolved.labels["service_name"] == "shop"


async def test_grafana(site: Site) -> None:
    """With PUT and basic authentication; annotations may be null."""
    login = httpx.BasicAuth("baton", "am-token")
    answer = await site.client.put("/alerts", content=body("grafana"), auth=login)
    assert (answer.status_code, answer.json()) == (200, {"taken": 1})
    (alert,) = site.sink.alerts
    assert alert.labels["alertname"] == "High memory usage"
    assert alert.url.startswith("https://grafana.example.com/alerting")


async def test_uptime_kuma(site: Site) -> None:
    """Down fires with the tags as labels, up resolves the same alert, pending says nothing; what is
    about no monitor is over by itself."""
    headers = json.loads(blocks("Uptime Kuma", "json")[0].replace("TOKEN", "am-token"))
    down = json.loads(body("uptime-kuma"))
    for status in (0, 2, 1):
        down["heartbeat"]["status"] = status
        answer = await site.client.post("/alerts", json=down, headers=headers)
        assert answer.status_code == 200
    first, second = site.sink.alerts
    assert first.labels == {"alertname": "uptime", "monitor": "Shop", "env": "prod", "team": "yes"}
    assert first.annotations == {"summary": "connect ECONNREFUSED 10.0.0.7:443"}
    assert (first.firing, first.url) == (True, "https://shop.example.com/health")
    assert (second.firing, second.labels) == (False, first.labels)
    certificate = body("uptime-kuma-certificate")
    await site.client.post("/alerts", content=certificate, headers=headers)
    alert = site.sink.alerts[2]
    assert alert.ends == NOW + 3600
    assert "will expire in 7 days" in alert.annotations["summary"]


async def test_healthchecks(site: Site) -> None:
    """The template of the page, as Healthchecks fills it in, and `$JSON` alone."""
    (template,) = blocks("Healthchecks", "json")
    name = 'The "nightly" backup'
    for status in ("down", "up"):
        filled = template.replace("$NAME_JSON", json.dumps(name)).replace("$STATUS", status)
        filled = filled.replace("$EXITSTATUS", "3").replace("$NAME", "nightly")
        answer = await site.client.post("/alerts", content=filled, headers=BEARER)
        assert answer.json() == {"taken": 1}
    down, up = site.sink.alerts
    assert (down.firing, up.firing) == (True, False)
    assert down.labels == up.labels == {"alertname": "healthcheck", "check": name, "env": "prod"}
    await site.client.post("/alerts", content=body("healthchecks"), headers=BEARER)
    assert site.sink.alerts[2].labels["check"] == "Nightly backup"
    assert site.sink.alerts[2].firing


def signature(content: bytes, token: str = "am-token") -> dict[str, str]:
    digest = hmac.new(token.encode(), content, "sha256").hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}


async def deliver(site: Site, event: str, content: bytes, **headers: str) -> httpx.Response:
    given = {**signature(content), "X-GitHub-Event": event, **headers}
    return await site.client.post("/github/alertmanager", content=content, headers=given)


async def test_github(site: Site) -> None:
    """A workflow that fails fires until the same one succeeds; so does a deployment. Other events
    are nothing to us, and no error."""
    failed = body("github-workflow_run")
    well = failed.replace(b'"conclusion":"failure"', b'"conclusion":"success"')
    for content in (failed, well):
        assert (await deliver(site, "workflow_run", content)).json() == {"taken": 1}
    first, second = site.sink.alerts
    assert first.labels == {
        "alertname": "workflow_failed",
        "repository": "example/shop",
        "workflow": "CI",
        "branch": "main",
    }
    assert first.annotations == {"summary": "failure: Fix the basket (acb5820)"}
    assert first.url == "https://github.com/example/shop/actions/runs/30433642"
    assert (first.firing, second.firing, second.labels) == (True, False, first.labels)
    deployment = body("github-deployment_status")
    assert (await deliver(site, "deployment_status", deployment)).json() == {"taken": 1}
    assert site.sink.alerts[2].labels["env"] == "production"
    for event in ("ping", "push"):
        answer = await deliver(site, event, b'{"zen": "x"}')
        assert (answer.status_code, answer.json()) == (200, {"taken": 0})
    going_on = failed.replace(b'"conclusion":"failure"', b'"conclusion":null')
    assert (await deliver(site, "workflow_run", going_on)).json() == {"taken": 0}


async def test_github_must_sign(site: Site) -> None:
    """With the token of the sender that the path names: nothing else opens that door."""
    content = body("github-workflow_run")
    wrong: list[tuple[str, Any]] = [
        ("/github/alertmanager", signature(content, "other")),
        ("/github/alertmanager", signature(content + b" ")),
        ("/github/alertmanager", {}),
        ("/github/alertmanager", {"X-Hub-Signature-256": b"sha256=\xff"}),
        ("/github/ci", signature(content)),
        ("/github/nobody", signature(content, "")),
    ]
    for path, headers in wrong:
        given = {"X-GitHub-Event": "workflow_run", **headers}
        answer = await site.client.post(path, content=content, headers=given)
        assert answer.status_code == 401, path
    assert site.sink.alerts == []


async def shell(site: Site, line: str) -> str:
    """Run a line of the page as it stands there, with our address and the token of a check-in."""
    line = line.replace("https://baton.example.com", site.web.url)
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        line,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "no_proxy": "*"},
    )
    out, err = await process.communicate()
    assert process.returncode == 0, (line, err.decode())
    return out.decode()


async def test_cron(site: Site) -> None:
    """The lines of the page, run by a shell: a failure is told with its output."""
    script, line = blocks("cron", "sh")
    failing = script.replace("/usr/local/bin/backup", "sh -c 'echo disk full >&2; exit 3'")
    await shell(site, failing.replace("TOKEN", "b-token"))
    await shell(site, line.replace("TOKEN", "b-token").replace("/usr/local/bin/backup", "true"))
    (push,) = blocks("Uptime Kuma", "sh")
    await shell(site, push.replace("TOKEN", "b-token"))
    assert [(one.phase, one.text) for one in site.sink.checkins] == [
        (Phase.FAILED, "disk full"),
        (Phase.DONE, ""),
        (Phase.DONE, "OK"),
    ]


async def test_cloudevents(site: Site) -> None:
    """The line of the page."""
    (line,) = blocks("CloudEvents", "sh")
    assert json.loads(await shell(site, line.replace("TOKEN", "am-token"))) == {"taken": 1}
    (event,) = site.sink.events
    assert isinstance(event, CloudEvent)
    assert (event.type, event.subject) == ("backup.failed", "db-1")


def proxied(nginx: str, path: str) -> bool:
    """Whether these locations of nginx pass a path on: an exact one first, then the first regular
    expression, then the longest beginning (nginx.org, `location`)."""
    exact, patterns, beginnings = {}, [], {}
    for kind, what, text in re.findall(r"location (?:(=|~) )?(\S+) \{(.*?)\}", nginx, re.DOTALL):
        passes = "proxy_pass http://127.0.0.1:8080;" in text
        match kind:
            case "=":
                exact[what] = passes
            case "~":
                patterns.append((what, passes))
            case _:
                beginnings[what] = passes
    if path in exact:
        return exact[path]
    for pattern, passes in patterns:
        if re.search(pattern, path):
            return passes
    begun = [what for what in beginnings if path.startswith(what)]
    return bool(begun) and beginnings[max(begun, key=len)]


SENT = ["/alerts", "/api/v2/alerts", "/events", "/checkin/t/fail", "/github/x"]


@pytest.mark.parametrize("path", SENT)
async def test_a_proxy_opens_what_the_page_says(site: Site, path: str) -> None:
    """Those paths, and none without a token; each is there with a slash at its end too."""
    nginx, console = blocks("Which paths to open", "nginx")
    for locations in (nginx, nginx + console):
        assert proxied(locations, path)
        assert proxied(locations, "/") is (locations != nginx)
        for inside in ("/metrics", "/readyz", "/healthz"):
            assert not proxied(locations, inside)
    for each in (path, f"{path}/"):
        assert (await site.client.post(each, content=b"{}")).status_code == 401


def test_a_proxy_opens_the_console_too() -> None:
    """With the second block of the page, and not without it."""
    nginx, console = blocks("Which paths to open", "nginx")
    for path in ("/", "/jobs/abcd", "/static/console.css", "/api/v1/jobs", "/sign-in/link"):
        assert not proxied(nginx, path)
        assert proxied(nginx + console, path)
