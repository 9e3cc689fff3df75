"""Tests of baton doctor."""
