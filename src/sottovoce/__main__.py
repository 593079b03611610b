"""``python -m sottovoce``: the command line, where no script of it is on the path."""

from sottovoce.cli import main

main()
