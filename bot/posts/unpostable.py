"""What somebody reads alone whose job cannot be shown where they asked for it. Pure."""

from __future__ import annotations

from bot.content import JobContent, NoticeContent, Post

SHORT_ID = 6
"""Characters of a job's id that people are shown."""


def refusal_text(job: str, post: Post, reason: str) -> str:
    """That `post`, of `job`, cannot be shown, for `reason`; and how the job ended, if it has."""
    if post.closing:
        return f"Job {job[:SHORT_ID]} cannot be shown: {reason} {outcome_text(job, post)}"
    return (
        f"The progress of job {job[:SHORT_ID]} cannot be shown: {reason} "
        "The job is still running; its result will be sent to you here."
    )


def outcome_text(job: str, post: Post) -> str:
    """How `job`, whose post this is, ended."""
    content = post.content
    if isinstance(content, JobContent):
        if content.schedule:
            return f"{content.title}: {content.summary}"
        return (
            f"{content.title} finished: {content.state.value}: {content.summary}. "
            f"For the output: /baton log {job[:SHORT_ID]}"
        )
    return content.text if isinstance(content, NoticeContent) else ""
