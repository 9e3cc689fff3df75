"""Links that senders give with an alert."""

from __future__ import annotations

from alerts.links import usable_links


def test_a_link_is_one_of_http() -> None:
    assert usable_links(
        [
            ("Runbook", "https://wiki.example.com/disk?a=1#x"),
            ("Source", "javascript:alert(1)"),
            ("Source", "http://prom/graph?q=<b>|x y"),
            ("Source", "https://wiki.example.com/\nx"),
            ("Source", "http://"),
            ("Source", "http://[::1"),
            ("Source", f"http://x/{'a' * 2000}"),
            ("Graph", "http://prom/graph?q=<b>|x"),
            ("Again", "http://prom/graph?q=<b>|x"),
        ]
    ) == (
        ("Runbook", "https://wiki.example.com/disk?a=1#x"),
        ("Graph", "http://prom/graph?q=%3Cb%3E%7Cx"),
    )
