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
    events        CloudEvents -> Event
    intake        what is handed on, and to whom
    refusals      what is answered instead

`intake` and `refusals` need none of these packages: who takes what comes in needs no HTTP.
"""
