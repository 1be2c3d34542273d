"""The clauses of EXECUTE JOB SERVICE, CREATE SERVICE and ALTER SERVICE, in any order, each at most once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlops_embedded.errors import invalid_value, syntax_error
from mlops_embedded.jobs.specifications.templates import Value, render
from mlops_embedded.sql.functions import split_arguments
from mlops_embedded.sql.locations import resolve
from mlops_embedded.sql.properties import list_values
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader
from mlops_embedded.sql.tag_clauses import read_tags
from mlops_embedded.sql.tokens import Kind, Token, string_value

MAX_INTEGRATIONS = 10
MAX_INSTANCES = 100
_SHORTEST_SUSPEND_SECONDS = 300


def read_clauses(session: Session, reader: Reader, known: Mapping[str, Callable[[Reader], Any]]) -> dict[str, Any]:
    """Read to the end: `KEY = value` clauses by `known`, FROM ... and TAG; keys come back in lower case.

    Raises:
        SnowflakeError: a clause is not known, or given twice.
    """
    given: dict[str, Any] = {}
    value: Any
    while not reader.at_end:
        if reader.accept(","):
            continue
        if reader.accept("FROM"):
            key, value = "specification", read_specification_clause(session, reader)
        elif reader.accept("WITH", "TAG") or reader.accept("TAG"):
            key, value = "tags", read_tags(session, reader)
        else:
            token = reader.peek()
            key = token.text.upper() if token else ""
            if key not in known:
                reader.finish()
            reader.next()
            reader.expect("=")
            value = known[key](reader)
        if key.lower() in given:
            raise syntax_error(f"the clause {key.upper()} is given twice")
        given[key.lower()] = value
    return given


def read_specification_clause(session: Session, reader: Reader) -> str:
    """Read what follows FROM: a specification or a template, as text or as a file on a stage."""
    if reader.accept("SPECIFICATION"):
        return reader.string()
    if reader.accept("SPECIFICATION_TEMPLATE"):
        return render(reader.string(), _read_using(reader))
    stage = reader.location()
    if reader.accept("SPECIFICATION_TEMPLATE_FILE", "="):
        return render(read_staged(session, stage, reader.string()), _read_using(reader))
    reader.expect("SPECIFICATION_FILE", "=")
    return read_staged(session, stage, reader.string())


def read_staged(session: Session, stage: str, path: str) -> str:
    """Return the text of a specification file on a stage."""
    location = resolve(session, f"{stage.rstrip('/')}/{path.lstrip('/')}")
    if not location.target.is_file():
        raise invalid_value(f"there is no specification file {path!r} on {stage}")
    return location.target.read_text(encoding="utf-8")


def _read_using(reader: Reader) -> dict[str, Value]:
    """Read `USING (name => value, ...)`; names are case-sensitive, quoted or not."""
    if not reader.accept("USING"):
        return {}
    values: dict[str, Value] = {}
    for argument in split_arguments(reader.parenthesised()):
        if len(argument) < 3 or not argument[1].is_symbol("=>"):
            raise syntax_error("USING takes ( name => value, ... )")
        name = argument[0].text.strip('"')
        if name in values:
            raise syntax_error(f"USING gives {name!r} twice")
        values[name] = _template_value(name, argument[2:])
    return values


def _template_value(name: str, tokens: tuple[Token, ...]) -> Value:
    negative = len(tokens) == 2 and tokens[0].is_symbol("-")
    token = tokens[-1]
    if len(tokens) == 1 and token.kind is Kind.STRING:
        return string_value(token.text)
    if token.kind is Kind.NUMBER and len(tokens) == 1 + negative:
        number = int(token.text) if token.text.isdigit() else float(token.text)
        return -number if negative else number
    if len(tokens) == 1 and token.text.upper() in {"TRUE", "FALSE"}:
        return token.text.upper() == "TRUE"
    raise syntax_error(f"the value of template variable {name!r} must be a string, a number, TRUE or FALSE")


def flag(reader: Reader) -> bool:
    value = reader.value()
    if not isinstance(value, bool):
        raise invalid_value(f"expected TRUE or FALSE, not {value}")
    return value


def whole_number(name: str, minimum: int, maximum: int) -> Callable[[Reader], int]:
    def read(reader: Reader) -> int:
        value = reader.integer()
        if not minimum <= value <= maximum:
            raise invalid_value(f"{name} must be from {minimum} to {maximum}, not {value}")
        return value

    return read


def integrations(reader: Reader) -> tuple[str, ...]:
    names = tuple(list_values(reader.parenthesised()))
    if len(names) > MAX_INTEGRATIONS:
        raise invalid_value(f"a service can have at most {MAX_INTEGRATIONS} external access integrations")
    return names


def check_scale(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a service's scale with its defaults, which depend on each other; None means: not said.

    Raises:
        SnowflakeError 001008: the numbers do not fit together.
    """
    least = given.get("min_instances") or 1
    most = given.get("max_instances") or least
    ready = least if given.get("min_ready_instances") is None else given["min_ready_instances"]
    idle = given.get("auto_suspend_secs") or 0
    resume = given.get("auto_resume")
    for name, value in (("MIN_INSTANCES", least), ("MAX_INSTANCES", most)):
        if not 1 <= value <= MAX_INSTANCES:
            raise invalid_value(f"{name} must be from 1 to {MAX_INSTANCES}, not {value}")
    if most < least:
        raise invalid_value(f"MAX_INSTANCES ({most}) is less than MIN_INSTANCES ({least})")
    if not 0 <= ready <= least:
        raise invalid_value(f"MIN_READY_INSTANCES ({ready}) must be from 0 to MIN_INSTANCES ({least})")
    if idle and idle < _SHORTEST_SUSPEND_SECONDS:
        raise invalid_value(f"AUTO_SUSPEND_SECS must be 0 or at least {_SHORTEST_SUSPEND_SECONDS}, not {idle}")
    return {
        "min_instances": least, "max_instances": most, "min_ready_instances": ready, "auto_suspend_secs": idle,
        "auto_resume": True if resume is None else resume,
    }  # fmt: skip
