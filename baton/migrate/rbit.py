"""rbit's INI becomes a worker.toml that means the same. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from baton.migrate import toml_text
from baton.migrate.change import Change, Migrated
from baton.worker.config.reading import WorkerFile
from baton.worker.settings import USED, RunnerSettings, unused

DAY = 86_400.0


def migrate_rbit(read: WorkerFile) -> Migrated:
    """Return the worker.toml for an INI of rbit's that was read."""
    settings = read.settings
    urls = settings.bus.urls
    parts = [
        f"# Made by `baton migrate` from {read.file}. It holds a password: chmod 600.\n",
        toml_text.table("bus", url=urls[0] if len(urls) == 1 else urls),
        toml_text.table(
            "worker", environment=settings.worker.environment, name=settings.worker.name
        ),
        toml_text.table(
            "queues",
            **{
                name: {"runner": queue.runner, "foreign": True}
                for name, queue in settings.queues.items()
            },
        ),
    ]
    for name, runner in settings.runner.items():
        parts.append(_runner(name, runner))
    pybit = settings.pybit
    if pybit.cancels or pybit.url:
        password = pybit.password.get_secret_value() or None
        address = {"url": pybit.url, "user": pybit.user or None, "password": password}
        parts.append(toml_text.table("pybit", **address, cancels=pybit.cancels))
    return Migrated("worker.toml", "\n".join(parts), tuple(_changes(read)))


def _runner(name: str, runner: RunnerSettings) -> str:
    timeout = "24h" if runner.timeout == DAY else runner.timeout
    processor, free = runner.processor, runner.settings
    python = None if runner.python is None or processor in USED else str(runner.python)
    used = {key: free[key] for key in free.keys() - {*unused(processor, free)}}
    text = toml_text.table("runner", name, runner=runner.runner, timeout=timeout, python=python)
    if used:
        text += "\n" + toml_text.table("runner", name, "settings", **dict(sorted(used.items())))
    return text


def _changes(read: WorkerFile) -> Iterator[Change]:
    settings = read.settings
    yield Change("[amqp]", "[bus] url", "or BATON_BUS_URL, which the unit of systemd reads")
    yield Change(
        "[rbit] name",
        "[worker] name, [pybit] cancels",
        "each worker needs a name of its own (or BATON_WORKER_NAME)",
    )
    yield Change(
        "nothing",
        f'[worker] environment = "{settings.worker.environment}"',
        "what people must be allowed for: set it",
    )
    yield Change(
        "queue-mappings",
        "[queues]",
        "foreign: used as they are. Each queue has its own runner; in rbit the last one got all",
    )
    for name, runner in settings.runner.items():
        yield Change(
            f"[runner:{name}]", f"[runner.{name}]", "ends after 24 hours; rbit had no limit"
        )
        for key in unused(runner.processor, runner.settings):
            what, _ = USED[runner.processor]
            yield Change(f"[runner:{name}] {key}", "nothing", f"it has no effect on {what}")
    yield Change("rbit.Failed", "the job fails", "it is not published again, as rbit's README says")
    yield Change(
        "rbit.Blocked", "looked at again after 5 s, 30 s, 2 min, 10 min", "then it ends as blocked"
    )
    if read.logging:
        yield Change("the sections about the log", "nothing", "it goes to stderr; see --log-level")
    for note in read.notes:
        place, _, text = note.removeprefix(f"{read.file}, ").rpartition(": ")
        yield Change(place, "nothing", text)
