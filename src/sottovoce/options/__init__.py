"""Options that people write (recipes, command lines, arguments), as pydantic models that are checked in one way.

`Options`, `one_of`, `OneOf`   sections of options
`Bounded`                      a model whose every number has bounds; the bounds are in `bounds`
`check_options`                a dictionary of options against its model
`problems_of`                  the faults that pydantic found, a line each
`problem_list`, `dotted`, `known_keys`, `short_repr`   parts of such messages

This needs pydantic, so nothing that is copied into a portable model directory may import it.
"""

from .bounds import Bounded
from .problems import check_options, dotted, known_keys, problem_list, problems_of, short_repr
from .sections import OneOf, Options, one_of

__all__ = [
    "Bounded",
    "OneOf",
    "Options",
    "check_options",
    "dotted",
    "known_keys",
    "one_of",
    "problem_list",
    "problems_of",
    "short_repr",
]
