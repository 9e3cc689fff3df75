"""Migrations: the steps that bring an older database to the tables of this version.

Each file of `versions` is one step, named by its number. It must not import code of ours, because
that changes. A database is upgraded when it is opened.
"""
