"""The bot's one HTTP app: health, metrics, check-ins and pushed alerts. The only importer of
FastAPI, Starlette, uvicorn and prometheus-client.

    server        WebServer: the socket, and uvicorn on it
    app           the routes, and how errors are answered
    status        how the bot is at this moment
    health        status -> ready or not, in words
    metrics       status and counters -> Prometheus
    ingest        the routes for what others send
    tokens        whose a token is, and how much each may send
    errors        the HTTP errors that are answered

What the bodies mean is read by `bot.ingest`, which needs none of these packages.
"""
