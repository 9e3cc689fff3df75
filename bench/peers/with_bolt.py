"""The smallest bot: slack-bolt's AsyncApp, which acknowledges `/deploy` and posts."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient


async def main() -> None:
    logging.getLogger().setLevel(logging.ERROR)  # it has a word about the client below
    client = AsyncWebClient(os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"])
    app = AsyncApp(client=client, logger=logging.getLogger())

    @app.command("/deploy")
    async def deploy(ack: Any, say: Any, body: dict[str, Any]) -> None:
        await ack()
        await say(f"{body['user_name']} asked: deploy {body['text']}")

    handler: Any = AsyncSocketModeHandler(app, os.environ["SLACK_APP_TOKEN"])
    await handler.start_async()


if __name__ == "__main__":
    asyncio.run(main())
