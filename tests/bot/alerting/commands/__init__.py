"""Tests of /alerts."""
