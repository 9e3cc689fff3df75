"""Processes that leave the program that started them, in each way there is."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        for descriptor in range(3):
            os.close(descriptor)
        open(sys.argv[1] + ".new", "w").write(str(os.getpid()))
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        time.sleep(300)
    os._exit(0)
os.wait()
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
"""


def starts(kind: str, pid: Path) -> str:
    """Text for a shell that starts something in the background, which notes its id in `pid`."""
    noting = f"sh -c 'echo $$ >{pid}.new; mv {pid}.new {pid}; exec sleep 300'"
    if kind == "daemon":
        return f"{sys.executable} -c '{DAEMON}' {pid}"
    started = {
        "session": f"setsid {noting} &",
        "deaf": f"setsid sh -c 'trap \"\" TERM HUP; echo $$ >{pid}; while :; do sleep 1; done' &",
        "nohup": f"nohup setsid {noting} >/dev/null 2>&1 &",
        "no environment": f"setsid env -i PATH=$PATH {noting} &",
    }[kind]
    return f"{started} while ! test -s {pid}; do sleep 0.01; done"


def alive(pid: Path) -> bool:
    """Whether the process whose id is in the file `pid` runs."""
    try:
        return psutil.Process(int(pid.read_text())).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
