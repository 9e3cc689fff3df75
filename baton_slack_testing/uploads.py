"""files.*: an upload in three steps, and the files that came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton_slack_testing.args import Args
from baton_slack_testing.chat import may_write
from baton_slack_testing.errors import Json, Refusal
from baton_slack_testing.methods import method
from baton_slack_testing.tokens import Token
from baton_slack_testing.workspace import BOT_USER, File, Message

if TYPE_CHECKING:
    from baton_slack_testing.server import SlackServer


@method("files.getUploadURLExternal", "filename", "length", scope="files:write", per_minute=100)
def get_upload_url(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `files.getUploadURLExternal`. Raises Refusal."""
    size = args.number("length", 0, 1, 1_000_000_000)
    file = File(f"F{len(slack.workspace.files) + 1:08d}", str(args["filename"]), size)
    slack.workspace.files[file.id] = file
    return {"ok": True, "upload_url": f"{slack.origin}/upload/v1/{file.id}", "file_id": file.id}


def receive(slack: SlackServer, file_id: str, content: bytes) -> tuple[int, str]:
    """The upload itself, as (HTTP status, text)."""
    file = slack.workspace.files.get(file_id)
    if file is None or file.content is not None:
        return 404, "no such upload"
    if len(content) != file.length:
        return 500, f"{len(content)} bytes came and {file.length} were announced"
    file.content = content
    slack.changes.notify()
    return 200, f"OK - {len(content)}"


@method("files.completeUploadExternal", "files", scope="files:write", per_minute=100)
def complete(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `files.completeUploadExternal`. Raises Refusal."""
    wanted = args.structure("files", "invalid_arguments")
    if not isinstance(wanted, list) or not wanted:
        raise Refusal("invalid_arguments")
    files: list[File] = []
    for each in wanted:
        file = slack.workspace.files.get(str(each.get("id")) if isinstance(each, dict) else "")
        if file is None or file.content is None or file.shared is not None:
            raise Refusal("file_not_found")
        file.title = str(each.get("title") or file.name)
        files.append(file)
    if args.get("channel_id"):
        share(slack, token, args, files)
    return {"ok": True, "files": [file.raw() for file in files]}


def share(slack: SlackServer, token: Token, args: Args, files: list[File]) -> None:
    """Show the files in a channel or a thread."""
    channel = slack.workspace.find(str(args["channel_id"]))
    may_write(channel, token)
    thread_ts = args.text("thread_ts") or None
    comment = args.text("initial_comment") or ""
    stamp = slack.workspace.stamp()
    message = Message(
        stamp, channel.id, BOT_USER, comment, thread_ts=thread_ts, bot=True, files=files
    )
    slack.workspace.show(message)
    for file in files:
        file.shared, file.thread_ts = channel.id, thread_ts
