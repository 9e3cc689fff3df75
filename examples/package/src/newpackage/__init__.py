"""The command newcommand for Baton: what its entry point names."""

from baton import Extension

from newpackage.command import NewCommand
from newpackage.consumer import NewCommandConsumer

extension = Extension(NewCommand, NewCommandConsumer)
