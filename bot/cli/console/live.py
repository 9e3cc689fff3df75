"""What is shown of a job while it is watched on a terminal: its output, and below that a bar for
each server."""

from __future__ import annotations

from collections import Counter

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from typing_extensions import override

from baton.client.models import Frame, Job, Run
from baton.text.printable import printable
from bot.cli.console.views import View, WaveNews, state_of, summary

STYLES = {
    "succeeded": "green",
    "failed": "bold red",
    "refused": "red",
    "expired": "red",
    "unroutable": "red",
    "blocked": "red",
    "cancelled": "yellow",
    "lost": "bold magenta",
    "interrupted": "bold magenta",
    "running": "cyan",
    "held": "yellow",
}
BAR = 20
KEPT_FREE = 4
"""Lines of a terminal that the bars leave to the output."""
BRIEF = 60
"""Characters of a step that stand beside a bar."""


class LiveView(View):
    """Draws on `console`. With `host` it shows the output of that server alone."""

    def __init__(self, host: str = "", console: Console | None = None) -> None:
        self._host = host
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._runs: dict[str, Run] = {}
        self._waves = WaveNews()
        self._live = Live(console=self._console, refresh_per_second=8)
        self._live.start()

    @override
    def __exit__(self, *_: object) -> None:
        self._live.stop()

    @override
    def show(self, frame: Frame) -> None:
        self._runs |= {run.host: run for run in frame.runs}
        if shown := [line for line in frame.lines if self._host in ("", line.host)]:
            width = max(map(len, self._runs), default=0)
            texts = [
                Text.assemble((f"{printable(line.host):>{width}} │ ", "dim"), printable(line.text))
                for line in shown
            ]
            self._console.print(Text("\n").join(texts))
        for line in self._waves.of(frame):
            self._console.print(Text(printable(line), "bold"))
        self._live.update(self._bars())

    @override
    def end(self, job: Job) -> None:
        self._runs |= {run.host: run for run in job.runs}
        self._live.update(self._bars(), refresh=True)
        self._live.stop()
        for line in [*self._waves.at_the_end(job), summary(job)]:
            self._console.print(Text(printable(line)))

    def _bars(self) -> RenderableType:
        most = max(self._console.height - KEPT_FREE, 1)
        ordered = sorted(self._runs.values(), key=lambda run: (_rank(run), run.host))
        shown, left = ordered[:most], ordered[most:]
        grid = Table.grid(padding=(0, 1))
        for run in sorted(shown, key=lambda run: run.host):
            style = STYLES.get(run.state, "")
            percent = 100 if run.state == "succeeded" else run.percent
            bar = ProgressBar(100, percent or 0, BAR, complete_style=style or "bar.complete")
            about = printable(state_of(run) if run.final else f"{run.state}  {run.step}")
            short = about if len(about) <= BRIEF else f"{about[: BRIEF - 1]}…"
            grid.add_row(Text(printable(run.host)), bar, Text(short, style, no_wrap=True))
        if not left:
            return grid
        counts = Counter(run.state for run in left)
        more = ", ".join(f"{count} {printable(state)}" for state, count in sorted(counts.items()))
        return Group(grid, Text(f"and {len(left)} more: {more}"))


def _rank(run: Run) -> int:
    """What has failed is shown first, then what runs, what waits, and what has succeeded."""
    if run.final:
        return 3 if run.state == "succeeded" else 0
    return 1 if run.state == "running" else 2
