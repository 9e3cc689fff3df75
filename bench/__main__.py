"""python -m bench: list the programs; with names, or `all`, run them one after the other."""

from __future__ import annotations

import importlib
import subprocess
import sys

PROGRAMS = (
    "consume",
    "worker",
    "path",
    "ping",
    "fleet",
    "slack",
    "idle",
    "growth",
    "signing",
    "gates",
    "audit",
    "rollout",
    "alerts",
    "alerting",
    "schedules",
    "console_feed",
    "console_log",
)


def main(words: list[str]) -> int:
    """Run what `words` name; those that begin with - are passed on. The number of failures."""
    names = [word for word in words if not word.startswith("-")]
    more = [word for word in words if word.startswith("-")]
    if unknown := set(names) - {*PROGRAMS, "all"}:
        print(f"no such program: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    if not names:
        for name in PROGRAMS:
            about = importlib.import_module(f"bench.{name}").__doc__ or ""
            print(f"{name:<11} {about.strip().splitlines()[0].partition(': ')[2]}")
        print("\npython -m bench NAME... | all [--quick] [--rounds=N] [--bus=AMQP_URL]")
        return 0
    chosen = PROGRAMS if "all" in names else names
    runs = [subprocess.run([sys.executable, "-m", f"bench.{name}", *more]) for name in chosen]
    return sum(run.returncode != 0 for run in runs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
