"""Watches our own links: while one is down the engine is blind, and calls nothing down."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from alerts import Engine
from alerts.replay import LinkChange
from bot.alerting.fault_log import FaultLog
from bot.alerting.recorder import Recorder


class LinkWatch:
    """Tells the engine whether each of `links` is up. Changes are recorded, for a replay."""

    def __init__(
        self,
        links: Mapping[str, Callable[[], bool]],
        recording: Recorder,
        faults: FaultLog,
    ) -> None:
        self._links = dict(links)
        self._recording = recording
        self._faults = faults
        self._up: dict[str, bool] = {}

    def forget(self) -> None:
        """Record every link anew: another engine begins."""
        self._up.clear()

    def check(self, engine: Engine, at: float) -> None:
        """Tell `engine` of every link, as it is at `at`. One whose check fails counts as down."""
        for name, is_up in self._links.items():
            up = False
            try:
                up = is_up()
            except Exception as error:
                self._faults.add("the check of a link failed", error, part=name)
            self.report(engine, name, up, at)

    def report(self, engine: Engine, name: str, up: bool, at: float) -> None:
        """Tell `engine` whether the link `name` is up at `at`."""
        (engine.link_restored if up else engine.link_lost)(name, at)
        if self._up.get(name) is not up:
            self._up[name] = up
            self._recording.add(LinkChange(name, up, at))
