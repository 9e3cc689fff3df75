"""The sections about the log of an INI of rbit's are applied here, if nobody else may change them.

Python evaluates what stands in them as `args`: whoever can write the file could run anything.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from configparser import RawConfigParser
from logging.config import fileConfig
from pathlib import Path

_NEEDED = {"loggers", "handlers", "formatters"}


def apply_logging(file: Path, sections: Mapping[str, Mapping[str, str]]) -> str:
    """Set the log up as `sections` of `file` say.

    Returns why it was not done; empty if it was, or if there is nothing to do.
    """
    if not sections:
        return ""
    if missing := sorted(_NEEDED - sections.keys()):
        return f"there is no [{missing[0]}] beside the other sections about the log"
    if reason := _others_may_write(file):
        return reason
    parser = RawConfigParser(strict=False)
    parser.read_dict(sections)
    try:
        fileConfig(parser, disable_existing_loggers=False)
    except Exception as error:  # whatever its `args` do
        return f"Python cannot use it ({type(error).__name__}: {error})"
    return ""


def _others_may_write(file: Path) -> str:
    """Return who else may write to the file; empty if only root and this user may."""
    try:
        status = os.stat(file)
    except OSError as error:
        return f"{file} cannot be looked at ({error.strerror})"
    if status.st_uid not in (0, os.geteuid()):
        return f"{file} belongs to neither root nor this user: chown root {file}"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others may write to {file}: chmod go-w {file}"
    return ""
