"""The application that the tests deploy: a git repository of a few shell scripts.

Its tags are `v1` and `v2`; `main` is at `v2`. Each server has a folder for its disk, `$DISK`; while
the file `$WORLD/hold` is there every build waits, so that a test can look at a deploy under way;
with `$WORLD/talk` it says so all the time.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

BUILD = """\
echo "building $(cat VERSION)"
echo $$ >> "$DISK/starts"
seen=0
while [ -e "$WORLD/hold" ]; do
  sleep 0.05
  if [ -e "$WORLD/talk" ]; then seen=$((seen + 1)); echo "still held, seen $seen times"; fi
done
echo "built $(cat VERSION)"
"""
TEST = """\
for number in 1 2 3; do echo "test $number of 3: ok"; done
"""
RESTART = """\
cp VERSION "$DISK/serving"
echo "serving $(cat VERSION)"
"""
HEALTH = """\
test ! -e "$DISK/sick-of-$(cat "$DISK/serving")"
"""


def make_shop(folder: Path) -> Path:
    """Make the repository in `folder`, and return it."""
    folder.mkdir(parents=True)
    _git(folder, "init", "--quiet", "--initial-branch", "main")
    for version in ("v1", "v2"):
        files = {"build.sh": BUILD, "test.sh": TEST, "restart.sh": RESTART, "health.sh": HEALTH}
        for name, text in {**files, "VERSION": f"{version}\n"}.items():
            (folder / name).write_text(text)
        _git(folder, "add", "--all")
        _git(folder, "commit", "--quiet", "--message", f"The shop, {version}")
        _git(folder, "tag", version)
    return folder


def _git(folder: Path, *words: str) -> None:
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Tests",
        "GIT_AUTHOR_EMAIL": "tests@localhost",
        "GIT_COMMITTER_NAME": "Tests",
        "GIT_COMMITTER_EMAIL": "tests@localhost",
    }
    subprocess.run(["git", *words], cwd=folder, env=env, check=True, capture_output=True)
