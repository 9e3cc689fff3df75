"""`baton ...` and `python -m baton`: the command line of `bot.cli`, once Python finds our packages.

It lies here and not in `bot`, since a folder `bot` of somebody's own project may hide that one. So
it names `bot.cli` without importing it above.
"""

import sys
from importlib import import_module

from baton.errors import PackageHidden
from baton.shadowing import require_own


def main() -> None:
    """Run the command line. If a package of ours is hidden it ends in one line, exit code 2."""
    try:
        require_own("bot", "commands")
        try:
            import_module("bot.cli").main()
        except ImportError:
            require_own("alerts")  # an agent needs none of it, so only now
            raise
    except PackageHidden as error:
        print(f"baton: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
