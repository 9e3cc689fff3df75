"""Another project's folder `commands`, `alerts` or `bot` can shadow Baton's package of that name.

Baton's packages have plain names. Where a folder that holds a package of the same name comes first
on Python's path (PYTHONPATH=., `python -m`, a sitecustomize.py), Python imports that one. So each
is looked up before it is imported.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

from baton.errors import PackageHidden
from baton.version import DISTRIBUTION

OWN = ("baton", "bot", "commands", "alerts")
"""The top-level packages of DISTRIBUTION."""
_HOME = Path(__file__).resolve().parent.parent


def require_own(*packages: str) -> None:
    """Check that Python finds our own `packages`. Raises PackageHidden for one that it does not."""
    for package in packages:
        found = _found(package)
        if found is not None and not _is_ours(found, package):
            raise _hidden(package, found)


def other_distributions(package: str) -> list[str]:
    """Return the installed distributions, other than ours, that install a package of that name."""
    names = packages_distributions().get(package, [])
    return sorted({name for name in names if name != DISTRIBUTION})


def _found(package: str) -> Path | None:
    """Return the file that `import package` reads, or has read; None if there is none."""
    spec: ModuleSpec | None = getattr(sys.modules.get(package), "__spec__", None)
    if spec is None:
        spec = find_spec(package) if package not in sys.modules else None
    return None if spec is None or not spec.has_location or not spec.origin else Path(spec.origin)


def _is_ours(found: Path, package: str) -> bool:
    try:
        return found.samefile(_HOME / package / "__init__.py")
    except OSError:  # ours is in no such file: there is nothing to compare with
        return True


def _hidden(package: str, file: Path) -> PackageHidden:
    found = file.parent if file.name == "__init__.py" else file
    folder = found.parent
    others = other_distributions(package) if folder.name.endswith("-packages") else []
    if others:
        names = ", ".join(others)
        because = f"and is installed by {names}"
        fix = f"Uninstall {names}, or have it renamed there: Baton must find its own."
    else:
        because = f"({_why_on_path(folder)})"
        fix = f"Take {folder} off Python's path, or rename the package `{found.name}` in it."
    return PackageHidden(package=package, found=found, folder=folder, because=because, fix=fix)


def _why_on_path(folder: Path) -> str:
    """Return what most likely put `folder` on Python's path."""
    listed = [Path(entry or ".") for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    if os.environ.get("PYTHONPATH") and any(_same(entry, folder) for entry in listed):
        return "PYTHONPATH names it"
    if _same(Path.cwd(), folder):
        return "it is the current folder"
    return "added by a .pth file or sitecustomize.py"


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
