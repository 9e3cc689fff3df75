"""Alerts, the bot's side: what was observed goes to the engine of `alerts`, and what that decides
goes into the database, and from there to a front end.

    runner          drives the engine, while this bot leads; link_watch: whether we see anything,
                    fault_log: what fails of one thing
    observations    what servers, jobs and schedules say -> observations
    sink            what others send -> observations, stored
    consumer        the same over the bus, and answers of agents to probes
    probe_runner    what the bot looks at by itself; agent_prober: what agents look at
    self_checks     our own clock, and who else uses our tokens
    finding_alerts  what Baton itself finds wrong -> observations
    operations      what people ask for, stored until it is done (pending_operations)
    reloader        alerts.toml, read again
    recorder        what the engine was told, in files, for a replay
    notifier        database -> posts
    commands        /alerts
"""

from bot.alerting.consumer import AlertConsumer
from bot.alerting.finding_alerts import FindingAlerts
from bot.alerting.notifier import AlertNotifier
from bot.alerting.probe_runner import ProbeRunner
from bot.alerting.runner import AlertRunner

__all__ = ["AlertConsumer", "AlertNotifier", "AlertRunner", "FindingAlerts", "ProbeRunner"]
