"""Which processors there are: entry points of the group `baton.processors`, our own and others'."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import structlog

from baton.entry_points import Installed, look, reasons, refuse_or_log
from baton.errors import ExtensionError, SettingsError
from baton.settings import no_such
from baton.worker.processors.protocol import ProcessorFactory
from baton.worker.processors.runner import Runner
from baton.worker.settings import RunnerSettings

log = structlog.get_logger(__name__)

EXAMPLE = "PROCESSOR!ARGUMENTS, such as shell!html2pdf %ID.pdf or python!package.module:callable"


class Processors:
    """The processors by name. `broken` says of those that are installed and left out, why."""

    def __init__(
        self,
        factories: Mapping[str, ProcessorFactory],
        broken: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.factories = dict(factories)
        self.broken = dict(broken)

    def make(self, name: str, settings: RunnerSettings, *, file: str = "worker.toml") -> Runner:
        """Return the runner `name`.

        This may block, as a callable is imported to see that it can be: call it in a thread if
        something else goes on. Raises SettingsError, for the key `runner.NAME.KEY` of `file`.
        """
        factory = self._factory(name, settings, file)
        try:
            processor = factory(settings, settings.target)
        except SettingsError as error:
            key = f"runner.{name}.{error.facts['key']}"
            raise SettingsError(**{**error.facts, "file": file, "key": key}) from None
        except Exception as error:  # it may be somebody else's code
            log.exception("a processor cannot be made", processor=settings.processor, runner=name)
            problem = f"the processor {settings.processor} failed ({type(error).__name__}: {error})"
            must = "a runner that its processor can use: its maintainer knows more"
            raise _wrong(name, problem, must, file) from None
        return Runner(name, settings, processor)

    def _factory(self, name: str, settings: RunnerSettings, file: str) -> ProcessorFactory:
        known = ", ".join(sorted(self.factories))
        if "!" not in settings.runner:
            hint = f"; is python!{settings.runner} meant?" if ":" in settings.runner else ""
            problem = f"{settings.runner[:100]!r} names no processor{hint}"
            raise _wrong(name, problem, f"{EXAMPLE} (processors: {known})", file)
        processor = settings.processor
        if processor in self.broken and processor not in self.factories:
            problem = f"the processor {processor} is installed but cannot be used: "
            problem += self.broken[processor].rstrip(".")
            raise _wrong(name, problem, f"one of {known}, until that is repaired", file)
        if processor not in self.factories:
            problem = f"{processor[:60]!r}: {no_such('processor', processor, self.factories)}"
            raise _wrong(name, problem, f"one of {known}", file)
        return self.factories[processor]


def installed_processors() -> tuple[Installed[ProcessorFactory], ...]:
    """Return each installed processor, those that cannot be used too."""
    return look("processor", _checked, lambda name, _: name)


def installed(*, strict: bool = False) -> Processors:
    """Return the processors of every installed distribution.

    One that cannot be used is left out and logged, or with `strict` refused; a runner that names it
    reads why.
    """
    found = installed_processors()
    refuse_or_log(found, strict=strict)
    return Processors(
        {one.name: one.thing for one in found if one.thing is not None and not one.reason},
        reasons(found),
    )


def _checked(name: str, thing: object) -> ProcessorFactory:
    if not callable(thing):
        raise ExtensionError(
            name=name, reason="it is no factory: it is called with the settings and the arguments"
        )
    return thing


def _wrong(name: str, problem: str, must: str, file: str) -> SettingsError:
    return SettingsError(file=file, key=f"runner.{name}.runner", problem=problem, must=must)
