"""What a runner sees of its job as a build request, whoever asked for it. Pure."""

from __future__ import annotations

from pydantic import JsonValue

from baton.worker.processors import child
from baton.worker.work import BuildRequest, Work


def build_of(work: Work) -> BuildRequest:
    """Return the build request of `work`.

    For a job that people asked for here, one is made: its id is the job's, its package is named as
    the runner, and its `arguments` are what was filled in. An argument by the name of one of its
    values (`package`, `version`, `uri`, `suite`, `format`, `dist`, `arch`) gives that value.
    """
    return work.build if work.build is not None else child.BuildRequest(_made(work))


def values_of(work: Work) -> dict[str, JsonValue]:
    """Return what placeholders stand for: `ID`, `PACKAGE` and so on, and `args.NAME`.

    An argument that may be left out, and was, is an empty text.
    """
    build = build_of(work)
    transport = build.plain().get("transport")
    return {
        "ID": build.get_job_id(),
        "PACKAGE": build.get_package(),
        "VERSION": build.get_version(),
        "URI": transport.get("uri") if isinstance(transport, dict) else None,
        "SUITE": build.get_suite(),
        "FORMAT": build.get_format(),
        "DIST": build.get_dist(),
        "ARCH": build.get_arch(),
        **{f"args.{name}": "" if v is None else v for name, v in work.arguments.items()},
    }


def _made(work: Work) -> dict[str, JsonValue]:
    def named(name: str) -> JsonValue:
        return {"name": work.arguments.get(name)}

    package: dict[str, JsonValue] = {
        "name": work.arguments.get("package", work.runner),
        "version": work.arguments.get("version"),
    }
    instance: dict[str, JsonValue] = {
        "package": package,
        "arch": named("arch"),
        "suite": named("suite"),
        "distribution": named("dist"),
        "format": named("format"),
        "build_env": named("build_env"),
    }
    return {
        "job": {"id": work.id, "packageinstance": instance},
        "transport": {"uri": work.arguments.get("uri"), "vcs_id": None, "method": None},
        "arguments": dict(work.arguments),
        "timestamp": None,
    }
