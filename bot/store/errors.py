"""Why the database cannot be used."""

from __future__ import annotations

from baton.errors import BatonError


class StoreError(BatonError):
    """The database {url} cannot be used: {reason}."""


class DatabaseUnavailable(StoreError):
    """The database {url} cannot be used: {reason}."""


class DatabaseTooNew(StoreError):
    """The database {url} was written by a newer Baton: its schema is {found}, and this one knows
    {known}. Install that version of Baton, or a newer one."""

    permanent = True


class OtherVersion(StoreError):
    """The database {url} is not of this version of Baton: its schema is {found}, and this one reads
    {known}. Use the version of Baton that the bot has, or start a bot of this version, which
    upgrades it."""

    permanent = True


class ForeignDatabase(StoreError):
    """{url} is not a Baton database: {reason}. Nothing was changed in it. Use another one in
    [database] url, or move it away."""

    permanent = True


class UnusableUrl(StoreError):
    """The database URL {url} cannot be used: {reason}. Write sqlite:///FOLDER/FILE or
    postgresql://USER:PASSWORD@HOST/DATABASE."""

    permanent = True
