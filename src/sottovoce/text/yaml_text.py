"""YAML that people write, read with limits: no key may come twice, and sizes are bounded before memory is allocated."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from ..errors import DataError, SottovoceError
from .text_files import text

BYTES = 1_000_000
"""Bound of the size of a file."""

VALUES = 20_000
"""Bound of the values in a file; an alias (``*name``) counts as all the values that it stands for."""

DEPTH = 100
"""Bound of the nesting of sections."""

DIGITS = 100
"""Bound of the characters of a number; Python itself refuses to print much longer ones."""


class Loader(yaml.SafeLoader):
    """A loader of plain YAML that checks sizes node by node, before it builds any value.

    An alias counts as all that it stands for: ten lines of ``[*a, *a, ...]`` are billions of values.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._begun: list[str | None] = []
        self._sizes: dict[int, tuple[int, int]] = {}
        self._made = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent) and anchor in self._begun:
            raise _fault(f"{anchor!r} is part of itself", event.start_mark)
        self._made += 1
        if self._made > VALUES:
            raise _fault(f"more than {VALUES:,} values", event.start_mark)
        if len(self._begun) > DEPTH:
            raise _fault(f"more than {DEPTH} sections inside one another", event.start_mark)
        self._begun.append(anchor)
        node = super().compose_node(parent, index)
        self._begun.pop()
        if node is not None and id(node) not in self._sizes:
            self._sizes[id(node)] = self._size(node)
        return node

    def _size(self, node: yaml.Node) -> tuple[int, int]:
        """The number of values in a node and the depth of its nesting, aliases counted in full."""
        if isinstance(node, yaml.MappingNode):
            _refuse_repeated_keys(self, node)
            parts = [self._sizes[id(part)] for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            parts = [self._sizes[id(part)] for part in node.value]
        else:
            if len(node.value) > DIGITS and node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
                raise _fault(f"a number of {len(node.value):,} characters", node.start_mark)
            return 1, 0
        values, depth = 1 + sum(count for count, _ in parts), 1 + max((deep for _, deep in parts), default=0)
        if values > VALUES:
            raise _fault(f"aliases make more than {VALUES:,} values of this", node.start_mark)
        if depth > DEPTH:
            raise _fault(f"aliases put more than {DEPTH} sections inside one another", node.start_mark)
        return values, depth


_NO_VALUES = ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:value")
"""Tags of ``<<`` and ``=``, from which no value is built."""


def _refuse_repeated_keys(loader: Loader, node: yaml.MappingNode) -> None:
    """Raise an error for a key that comes twice: the second would silently win."""
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _fault("a key must be a word, not a list or a section", key.start_mark)
        word = key.value if key.tag in _NO_VALUES else str(loader.construct_object(key))
        line = key.start_mark.line + 1
        if word in lines:
            raise _fault(f"the key {word[:60]!r} is there already, in line {lines[word]}", key.start_mark)
        lines[word] = line


def _fault(what: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.composer.ComposerError(None, None, what, mark)


def yaml_value(source: str, loader: type[Loader] = Loader) -> object:
    """The value of a YAML text.

    Args:
        source: The text of a file or of a single value.
        loader: The class of the loader, for YAML with further tags.

    Raises:
        ValueError: The text is not YAML, has a key twice, or is larger than any real file; the message is one line that
            says where and why.
    """
    if len(source) > BYTES:
        raise ValueError(f"{len(source):,} characters; at most {BYTES:,} are read")
    try:
        return yaml.load(source, loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        what = " ".join(str(error.problem)[:200].split())
        raise ValueError(f"line {mark.line + 1}: {what}" if mark is not None else what) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # a control character, or a date such as 2001-99-99
        raise ValueError(" ".join(str(error).split())[:200]) from None
    except (RecursionError, LookupError, TypeError, AttributeError) as error:
        # Errors inside PyYAML itself, for example on `=` for a value or `!!int ""`.
        raise ValueError(f"{type(error).__name__} in the YAML library: {' '.join(str(error).split())[:100]}") from None


def read_text(path: str | Path, fault: type[SottovoceError]) -> str:
    """The text of a small file that a person has written.

    Args:
        path: A regular file; a device or a pipe could be endless.
        fault: The class of the error to raise.

    Raises:
        SottovoceError: As ``fault``; the file cannot be read, is not a regular file, is too large, or is not text.
    """
    try:
        if (size := os.stat(path).st_size) > BYTES:
            raise fault(f"{path}: {size:,} bytes; at most {BYTES:,} are read")
        return text(path)
    except DataError as error:
        raise fault(str(error)) from None
    except OSError as error:
        raise fault(f"{path}: cannot be read ({error.strerror})") from None
    except fault:
        raise
    except ValueError:  # a name with a NUL in it
        raise fault(f"{str(path)!r}: no such file") from None
