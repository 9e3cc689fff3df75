"""The private message to a person whose job cannot be posted in their channel. Pure."""

from __future__ import annotations

from bot.content import JobContent, NoticeContent, Post
from bot.jobs import short_id


def refusal_text(job: str, post: Post, reason: str) -> str:
    """Return why `post` of `job` cannot be posted, and the result of the job if it has ended."""
    if post.closing:
        return f"Job {short_id(job)} cannot be posted: {reason} {outcome_text(job, post)}"
    return (
        f"The progress of job {short_id(job)} cannot be posted: {reason} "
        "The job is still running; its result will be sent to you here."
    )


def outcome_text(job: str, post: Post) -> str:
    """Return the result of `job`, whose post this is."""
    content = post.content
    if isinstance(content, JobContent):
        if content.schedule:
            return f"{content.title}: {content.summary}"
        return (
            f"{content.title} finished: {content.state.value}: {content.summary}. "
            f"For the output: /baton log {short_id(job)}"
        )
    return content.text if isinstance(content, NoticeContent) else ""
