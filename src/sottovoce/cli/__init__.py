"""The command line: thin commands over library functions of the same name, one file a command."""

from sottovoce.cli.app import main

__all__ = ["main"]
