"""Templates become pages here: how moments, states and names are written, and what is on every
page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from baton.bus.messages import new_id
from baton.outcome import duration
from baton.text.printable import printable
from bot.jobs import short_id
from bot.web.console.access import Viewer
from bot.web.console.pages.links import LinkReport, links_of
from bot.web.console.pages.static_files import StaticFiles
from bot.web.status import StatusReader

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


@dataclass(frozen=True, slots=True)
class Section:
    """A page that the navigation leads to."""

    path: str
    name: str


SECTIONS = (
    Section("/", "Home"),
    Section("/run", "Run"),
    Section("/jobs", "History"),
    Section("/servers", "Servers"),
    Section("/alerts", "Alerts"),
    Section("/schedules", "Schedules"),
    Section("/gates", "Gates"),
    Section("/audit", "Audit"),
    Section("/dead", "Dead letters"),
)


class Renderer:
    """Renders the templates. `status` says how the bot's links are, `clock` what time it is."""

    def __init__(
        self, static: StaticFiles, status: StatusReader, clock: Callable[[], datetime]
    ) -> None:
        self._status = status
        self._clock = clock
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "moment": moment,
            "ago": self._ago,
            "duration": duration,
            "short_id": short_id,
            "query": query,
        }
        self._templates.globals |= {"static": static.address, "sections": SECTIONS}

    async def page(
        self,
        request: Request,
        template: str,
        viewer: Viewer | None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """Return the page that `template` makes of `values`, for `viewer` (None: nobody has signed
        in)."""
        links = await links_of(self._status) if viewer is not None else LinkReport()
        html = self._templates.get_template(template).render(
            path=request.url.path,
            viewer=viewer,
            links=links,
            now=self._clock(),
            new_key=new_id,
            **values,
        )
        return HTMLResponse(html, status, headers)

    def _ago(self, at: datetime) -> Markup:
        """Return `3 min ago`, or `in 3 min`, with the moment itself for whoever points at it."""
        seconds = (self._clock() - at).total_seconds()
        text = f"{_rough(seconds)} ago" if seconds >= 0 else f"in {_rough(-seconds)}"
        return _time(at, text, "ago")


def moment(at: datetime) -> Markup:
    """Return a moment for people and programs. A script of the page writes it in the reader's own
    time zone; until then, and without scripts, it is in UTC."""
    return _time(at, f"{at.astimezone(UTC):%d %b %H:%M:%S} UTC", "local")


def query(values: Mapping[str, object]) -> str:
    """Return those of `values` that are not empty, as the query of an address."""
    filled = {name: value for name, value in values.items() if value not in ("", None)}
    return f"?{urlencode(filled)}" if filled else ""


def _time(at: datetime, text: str, kind: str) -> Markup:
    at = at.astimezone(UTC)
    return Markup('<time class="{}" datetime="{}" title="{}">{}</time>').format(
        kind, at.isoformat(timespec="milliseconds"), f"{at:%Y-%m-%d %H:%M:%S} UTC", text
    )


def _rough(seconds: float) -> str:
    """Return a length of time in one unit, rounded: a page is not read to the second."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or (unit != "d" and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _shown(value: Any) -> Any:
    """Return a text without what cannot be seen, and what would turn round the text beside it."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value, lines=True)
    return value
