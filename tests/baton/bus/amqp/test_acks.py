"""Acknowledgements in batches."""

from __future__ import annotations

from baton.bus.amqp.acks import PendingAcks


def test_acknowledgements_are_told_once_and_in_few_frames() -> None:
    """All up to the first unsettled tag in one frame; the rest after one more flush, singly."""
    acks = PendingAcks()
    for tag in (1, 2, 4, 5):
        acks.ack(tag)
    assert acks.flush() == (2, [])
    assert len(acks) == 2
    acks.ack(7)
    assert acks.flush() == (None, [4, 5])
    acks.rejected(3)
    acks.ack(6)
    assert acks.flush() == (7, [])
    assert acks.flush() == (None, [])
    assert len(acks) == 0
