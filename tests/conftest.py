"""Fixtures for every test: real servers, started once a session and only when asked for."""
