"""`/deploy APP ENV`: a version of an app, live on each server that runs it.

command      what can be asked, and how the outcome reads
settings     what an agent's configuration says of an app: `[deploy.shop]`
consumer     takes a request: what is refused, and one deploy at a time
deployment   the order of things, and the way back
source       a ref of git, or a configured program, into a release
releases     `releases/`, `shared/` and the switch of `current`
steps        running a configured program and passing on what it says
health       whether the app answers
underway     the lock, and what an interrupted deploy has left
"""

from baton.consumer import Extension
from commands.deploy.command import Deploy
from commands.deploy.consumer import DeployConsumer
from commands.deploy.settings import AppSettings, DeploySettings, HealthSettings, StepSettings

extension = Extension(Deploy, DeployConsumer)

__all__ = [
    "AppSettings",
    "Deploy",
    "DeployConsumer",
    "DeploySettings",
    "HealthSettings",
    "StepSettings",
    "extension",
]
