"""YAML text from plain data: equal data, equal bytes.

PyYAML's writer with libyaml spends most of its time turning data into events; this one writes block style directly. A
scalar is plain where no reader of YAML 1.1 or 1.2 could take it for anything but text; else it is in single quotes, or,
where it has more than printable ASCII, quoted as JSON is, which YAML reads alike. Long texts of several lines are literal blocks where YAML allows it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_/](?:[A-Za-z0-9_./$*-]|:(?=[A-Za-z0-9_./-])| (?=[A-Za-z0-9_./$*]))*\Z")
_PRINTABLE = re.compile(r"[ -~]*\Z")
_WORDS = frozenset(["true", "false", "yes", "no", "on", "off", "null", "y", "n"])
_LITERAL = re.compile(r"[!-~](?:[ -~]*[!-~])?(?:\n(?: *[!-~](?:[ -~]*[!-~])?)?)*\n\Z")


def to_yaml(data: dict[str, Any] | Sequence[Any]) -> str:  # Any: plain data
    """Return a table or list of plain data (tables, lists, text, numbers, truth values, None) as YAML."""
    lines: list[str] = []
    _block(data, "", "", lines)
    return "\n".join(lines) + "\n"


def _block(data: Any, indent: str, lead: str, lines: list[str]) -> None:  # Any: plain data
    """Append the lines of a table or list; ``lead`` stands before the first of them in place of ``indent``."""
    lead = lead or indent
    if isinstance(data, dict):
        for key, value in data.items():
            _entry(f"{lead}{_scalar(key)}:", " ", value, indent, "  ", lines)
            lead = indent
    else:
        for value in data:
            if isinstance(value, (dict, list, tuple)) and value:
                _block(value, f"{indent}  ", f"{lead}- ", lines)
            else:
                _entry(f"{lead}-", " ", value, indent, "  ", lines)
            lead = indent


def _entry(head: str, gap: str, value: Any, indent: str, step: str, lines: list[str]) -> None:  # Any: plain data
    if isinstance(value, (dict, list, tuple)):
        if value:
            lines.append(head)
            _block(value, indent + step if isinstance(value, dict) else indent, "", lines)
        else:
            lines.append(f"{head}{gap}{'{}' if isinstance(value, dict) else '[]'}")
    elif isinstance(value, str) and "\n" in value and _LITERAL.match(value):
        lines.append(f"{head}{gap}|{'+' if value.endswith(chr(10) * 2) else ''}")
        lines.extend(f"{indent}{step}{line}" if line else "" for line in value[:-1].split("\n"))
    else:
        lines.append(f"{head}{gap}{_scalar(value)}")


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    raise TypeError(f"{type(value).__name__} is not plain data")


@lru_cache(maxsize=4096)
def _text(value: str) -> str:
    """Keys, and many values, are the same in file after file."""
    return value if _PLAIN.match(value) and value.lower() not in _WORDS else _quoted(value)


def _quoted(text: str) -> str:
    """JSON writes a sign above U+FFFF as two halves, which YAML refuses."""
    if _PRINTABLE.match(text):
        return "'" + text.replace("'", "''") + "'"
    if text.isascii() or max(text) <= "\uffff":
        return encode_basestring_ascii(text)
    signs = (f"\\U{ord(sign):08x}" if sign > "\uffff" else encode_basestring_ascii(sign)[1:-1] for sign in text)
    return '"' + "".join(signs) + '"'


def _number(value: float) -> str:
    if value != value:
        return ".nan"
    if value in (float("inf"), float("-inf")):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    mantissa, exponent, power = text.partition("e")
    if not exponent:
        return text
    whole = mantissa if "." in mantissa else f"{mantissa}.0"  # YAML 1.1 takes 1e+16 for text
    return f"{whole}e{power if power[0] in '+-' else '+' + power}"
