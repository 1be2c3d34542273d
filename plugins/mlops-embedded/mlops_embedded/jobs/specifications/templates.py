"""Specification templates: `{{ variable }}` and `{{ variable | default('x') }}` in YAML, given values by USING.

Source: Snowflake documentation, "Using specification templates".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from mlops_embedded.errors import SnowflakeError, invalid_value

Value = str | int | float | bool

_PLACE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_VARIABLE = re.compile(
    r"""\s*(?P<name>[A-Za-z_][A-Za-z0-9_$]*)\s*
    (?:\|\s*default\(\s*(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<bare>[^\s,'"()]+))\s*
    (?:,\s*(?P<blank>true|false)\s*)?\)\s*)?""",
    re.VERBOSE | re.IGNORECASE,
)


def render(template: str, given: Mapping[str, Value]) -> str:
    """Return the specification that a template makes with these values.

    Raises:
        SnowflakeError 395018: a variable without default has no value, a place is no variable, or no place has the name
            of a value.
    """
    values = {name: _checked(name, value) for name, value in given.items()}
    used = set()

    def put(place: re.Match[str]) -> str:
        variable = _VARIABLE.fullmatch(place[1])
        if variable is None:
            raise _invalid(
                f"{place[0]!r} is no template variable, such as {{{{ name }}}} or {{{{ name | default('x') }}}}"
            )
        name = variable["name"]
        used.add(name)
        default = next((variable[g] for g in ("single", "double", "bare") if variable[g] is not None), None)
        if name not in values:
            if default is None:
                raise _invalid(f"template variable {name!r} has neither a value in USING nor a default")
            return default
        if values[name] == "" and default is not None and (variable["blank"] or "").lower() == "true":
            return default
        return values[name]

    rendered = _PLACE.sub(put, template)
    for name in values:
        if name not in used:
            has = ", ".join(sorted(used)) or "none"
            raise _invalid(f"USING gives {name!r}, which the template does not have; its variables are {has}")
    return rendered


def _checked(name: str, value: Value) -> str:
    """A value as it is put into YAML: alphanumeric text, or JSON (a JSON string without its quotes)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    if re.fullmatch(r"[A-Za-z0-9_]*", value):
        return value
    try:
        read = json.loads(value)
    except json.JSONDecodeError:
        raise invalid_value(
            f"the value of template variable {name!r} is neither alphanumeric nor JSON: {value!r}. Write text as a JSON "
            f"string: '{json.dumps(value)}'"
        ) from None
    return read if isinstance(read, str) else value.strip()


def _invalid(message: str) -> SnowflakeError:
    return SnowflakeError(f"Invalid spec: {message}", code="395018", sqlstate="22023")
