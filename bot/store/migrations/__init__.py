"""Migrations: what brings an older database to the tables of this version.

One file of `versions` is one step, named by its number. A database is brought up when it is opened.
"""
