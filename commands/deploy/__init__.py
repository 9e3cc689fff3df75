"""`/deploy APP ENV` deploys a version of an app to each server that runs it.

command       what can be requested, and how the outcome reads
settings      what an agent's configuration says about an app: `[deploy.shop]`
consumer      takes a request: what is refused, and one deploy at a time
app_consumer  what that and the one of rollbacks share
deployment    the order of things
switch        from one release to another, and back if the new one does not serve
survey        what a deploy would do, before it is let start
source        a ref of git, or a configured program, into a release
archive       a tar file at an address, with its checksum, into a release
releases      `releases/`, `shared/` and the switch of `current`
steps         runs a configured program and passes on its output
health_check  whether the app answers
lock          one deploy at a time, and what an interrupted deploy has left
"""

from baton.consumer import Extension
from commands.deploy.command import Deploy
from commands.deploy.consumer import DeployConsumer
from commands.deploy.settings import (
    AppSettings,
    ArchiveSettings,
    DeploySettings,
    HealthSettings,
    StepSettings,
)

extension = Extension(Deploy, DeployConsumer)

__all__ = [
    "AppSettings",
    "ArchiveSettings",
    "Deploy",
    "DeployConsumer",
    "DeploySettings",
    "HealthSettings",
    "StepSettings",
    "extension",
]
