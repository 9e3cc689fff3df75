"""The bot's one HTTP app: health, metrics, check-ins and pushed alerts. The only importer of
FastAPI, Starlette, uvicorn and prometheus-client.

    server        Web: the socket, and uvicorn on it
    app           the routes, and how errors are answered
    vitals        how the bot is at this moment
    health        vitals -> ready or not, in words
    metrics       vitals and counters -> Prometheus
    entrance      what comes in: read, checked, handed on
    door          tokens, and how much each may send
    alertmanager  the bodies of its webhook and its API -> Pushed
    services      those of Uptime Kuma and Healthchecks -> Pushed
    github        the webhooks of GitHub -> Pushed
    events        CloudEvents -> Event
    reading       JSON of others, as far as it can be understood
    intake        what is handed on, and to whom
    refusals      what is answered instead
    refused       keeps count of them, and has people told

From `alertmanager` on none needs these packages: who takes what comes in needs no HTTP.
"""
