"""Step 5 of the path, first half: what servers and others send, on its way into the ledger.

    updates       consumes what servers say: updates, pongs, heartbeats
    sender_verification  whether a message is from the server that it names
    model         check-ins, pushed alerts, events as values; the Protocol of what stores them
    bus           a message of the bus -> values
    cloudevents   CloudEvents -> CloudEvent
    alertmanager  the bodies of its webhook and its API -> PushedAlert
    services      those of Uptime Kuma and Healthchecks -> PushedAlert
    github        the webhooks of GitHub -> PushedAlert
    payload       JSON that others wrote, as far as it can be understood
    errors        why something is rejected
    rejections    counts what is rejected, and has people told

The parsers are pure. Neither HTTP nor alerts are imported: `bot.web` and `bot.alerting` both look
down on this package.
"""
