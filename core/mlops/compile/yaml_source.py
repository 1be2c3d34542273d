"""YAML as it was written: its data, and for every value the line it stands on and the text it was written with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mlops.validation import Path

if TYPE_CHECKING:
    import yaml


class YamlError(Exception):
    """A text that is not the YAML it should be; ``line`` counts from 1."""

    def __init__(self, line: int, problem: str, hint: str | None = None) -> None:
        super().__init__(problem)
        self.line, self.problem, self.hint = line, problem, hint


class Source(Struct, frozen=True):
    """A document. ``lines`` and ``texts`` are by path; ``texts`` has those of single values."""

    data: Any  # Any: plain data
    lines: Mapping[Path, int]
    texts: Mapping[Path, str]

    def line(self, path: Path) -> int:
        """Return the line of a path, or of the nearest one above that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(text: str) -> Source:
    """Return the one document of a text.

    Raises:
        YamlError: it is not YAML, has a key twice, or contains itself.
    """
    import yaml

    kind = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is not in every build of PyYAML
    try:
        loader = kind(text)
    except yaml.YAMLError as cause:  # a sign that YAML does not allow is met when reading begins
        raise _error(cause) from cause
    lines: dict[Path, int] = {}
    texts: dict[Path, str] = {}
    try:
        node = loader.get_single_node()
        data = None if node is None else _value(loader, node, (), lines, texts, ())
    except yaml.YAMLError as cause:
        raise _error(cause) from cause
    except ValueError as cause:  # a date such as 2026-13-45
        raise YamlError(max(lines.values(), default=1), f"it has a value that cannot be: {cause}") from cause
    finally:
        loader.dispose()
    return Source(data, lines, texts)


def _value(
    loader: Any,  # Any: two loaders without a common type
    node: yaml.Node,
    path: Path,
    lines: dict[Path, int],
    texts: dict[Path, str],
    above: tuple[int, ...],
) -> Any:  # Any: plain data
    import yaml

    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if id(node) in above:
        raise YamlError(line, "it contains itself", "write it out")
    above = (*above, id(node))
    if isinstance(node, yaml.MappingNode):
        table: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise YamlError(key_node.start_mark.line + 1, "a key is a single word", "write it as text")
            key = key_node.value
            if key in table:
                raise YamlError(key_node.start_mark.line + 1, f"{key!r} is given twice", "remove one of the two")
            lines[(*path, key)] = key_node.start_mark.line + 1
            table[key] = _value(loader, value_node, (*path, key), lines, texts, above)
        return table
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, one, (*path, at), lines, texts, above) for at, one in enumerate(node.value)]
    texts[path] = node.value
    return loader.construct_object(node)


def _error(cause: Any) -> YamlError:  # Any: a yaml.YAMLError, with or without a mark
    mark = getattr(cause, "problem_mark", None)
    problem = getattr(cause, "problem", None) or str(cause).partition("\n")[0]
    return YamlError(1 if mark is None else mark.line + 1, f"it is not valid YAML: {problem}")
