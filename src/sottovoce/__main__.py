"""``python -m sottovoce``: the command line, for when the script ``sottovoce`` is not on the path."""

from sottovoce.cli import main

main()
