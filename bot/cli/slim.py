"""Imported before all else by the command line, so that it starts soon and an agent stays small.

If structlog finds rich it draws tracebacks with it: that costs 7 MB of memory, and seconds for each
traceback. Ours are plain. httpx would load rich and pygments too, for a command line of its own.
Whatever needs rich itself finds it all the same.
"""

import sys

_found = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]
import structlog  # noqa: E402, F401

if _found is None:
    del sys.modules["rich"]
else:
    sys.modules["rich"] = _found

sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
