"""Imported before all else by the command line, so that an agent stays small.

If structlog finds rich it draws tracebacks with it, and rich costs 7 MB. Ours are plain. What needs
rich later finds it all the same.
"""

import sys

_there = "rich" in sys.modules
sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
import structlog  # noqa: E402, F401

if not _there:
    del sys.modules["rich"]
