"""Measurements of Baton beside what it stands on; `python -m bench` lists them."""
