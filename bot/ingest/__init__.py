"""What others send, as values, on its way into the ledger: check-ins, pushed alerts, events.

    model         the values, and the Protocol of what takes them
    bus           a message of the bus -> values
    cloudevents   CloudEvents -> Event
    alertmanager  the bodies of its webhook and its API -> PushedAlert
    services      those of Uptime Kuma and Healthchecks -> PushedAlert
    github        the webhooks of GitHub -> PushedAlert
    payload       JSON that others wrote, as far as it can be understood
    errors        why something is refused
    rejections    counts what is refused, and has people told

The parsers are pure. Neither HTTP nor alerts are imported: `bot.web` and `bot.alerting` both look
down on this package.
"""
