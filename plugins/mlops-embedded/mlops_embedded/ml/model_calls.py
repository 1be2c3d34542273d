"""Calls of models' methods in SQL, found and replaced: MODEL(m, v)!PREDICT(a, b), m!PREDICT(a, b), WITH mv AS MODEL m.

A method for each row becomes a DuckDB function that asks the model's worker process; one for each partition, in
TABLE(...), becomes a temporary table of what it returned.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlops_embedded.errors import SnowflakeError, syntax_error
from mlops_embedded.ml.model_inference import LoadedMethod, load_method, row_function
from mlops_embedded.ml.model_tables import replace_table_call
from mlops_embedded.ml.models import find_model, methods
from mlops_embedded.sql.functions import query_rewrite, split_arguments
from mlops_embedded.sql.python_types import signature_type
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tokens import Kind, Token


@dataclass(frozen=True, slots=True)
class Call:
    """One call: which tokens of the statement it takes, what is called, and the SQL of its arguments."""

    first: int
    last: int
    method: LoadedMethod
    arguments: tuple[str, ...]


@query_rewrite
def replace_model_calls(session: Session, found: Statement) -> Statement:
    """Replace every call of a model's method; a statement without one comes back as it is."""
    if not any(token.is_symbol("!") for token in found.tokens):
        return found
    found, aliases = _without_model_aliases(found)
    while (call := _last_call(session, found, aliases)) is not None:
        if call.method.method.is_table:
            found = replace_table_call(session, found, call.first, call.last, call.method, _casts(call))
        else:
            start, end = found.tokens[call.first].start, found.tokens[call.last].end
            found = Statement.of(found.text[:start] + _row_call(session, call) + found.text[end:])
    return found


Aliases = dict[str, tuple[tuple[str, ...], str | None]]


def _without_model_aliases(found: Statement) -> tuple[Statement, Aliases]:
    """Take `mv AS MODEL m [VERSION v]` out of WITH, and return what each name stands for."""
    aliases: Aliases = {}
    while (span := _model_alias(found, aliases)) is not None:
        found = Statement.of(found.text[: span[0]] + found.text[span[1] :])
    return found, aliases


def _model_alias(found: Statement, aliases: Aliases) -> tuple[int, int] | None:
    tokens = found.tokens
    for index in range(1, len(tokens) - 3):
        if not (tokens[index + 1].is_word("AS") and tokens[index + 2].is_word("MODEL")):
            continue
        before = tokens[index - 1]
        if not (before.is_word("WITH") or before.is_symbol(",")) or tokens[index + 3].is_symbol("("):
            continue
        reader = Reader(found, index)
        alias = reader.identifier()
        reader.expect("AS", "MODEL")
        model = reader.name()
        version = reader.identifier() if reader.accept("VERSION") else None
        aliases[alias] = (model, version)
        start, end = tokens[index].start, tokens[reader.position - 1].end
        if reader.accept(","):
            return start, tokens[reader.position - 1].end  # another table follows
        return before.start, end  # it was the last one: the comma, or the WITH, goes with it
    return None


def _last_call(session: Session, found: Statement, aliases: Aliases) -> Call | None:
    """Return the last call, so that one inside another one's arguments is replaced before it."""
    tokens = found.tokens
    for bang in range(len(tokens) - 3, 0, -1):
        if not tokens[bang].is_symbol("!") or not tokens[bang + 2].is_symbol("("):
            continue
        first, model, version = _called_model(found, bang, aliases)
        reader = Reader(found, bang + 1)
        method = reader.identifier()
        arguments = split_arguments(reader.parenthesised())
        texts = tuple(found.text[a[0].start : a[-1].end] for a in arguments)
        return Call(first, reader.position - 1, _method(session, model, version, method), texts)
    return None


def _called_model(found: Statement, bang: int, aliases: Aliases) -> tuple[int, tuple[str, ...], str | None]:
    """Return the first token of what stands before `!`, and the model and version it names."""
    tokens = found.tokens
    if tokens[bang - 1].is_symbol(")"):
        first = _opening(tokens, bang - 1) - 1
        if first >= 0 and tokens[first].is_word("MODEL"):
            reader = Reader(found, first + 2)
            model = reader.name()
            version = reader.identifier() if reader.accept(",") else None
            reader.expect(")")
            return first, model, version
        raise syntax_error(f"syntax error: unexpected '!' at position {tokens[bang].start}, expected MODEL(...)!...")
    first = bang - 1
    while first >= 2 and tokens[first - 1].is_symbol(".") and tokens[first - 2].kind in {Kind.WORD, Kind.QUOTED}:
        first -= 2
    name = Reader(found, first).name()
    return (first, *aliases[name[0]]) if len(name) == 1 and name[0] in aliases else (first, name, None)


def _opening(tokens: tuple[Token, ...], closing: int) -> int:
    depth = 0
    for index in range(closing, -1, -1):
        depth += tokens[index].is_symbol(")") - tokens[index].is_symbol("(")
        if depth == 0:
            return index
    raise syntax_error("a parenthesis is not opened")


def _method(session: Session, parts: tuple[str, ...], version: str | None, method: str) -> LoadedMethod:
    model = find_model(session, session.resolve(parts))
    wanted = model.version(version)
    known = methods(session, model, wanted)
    found = next((each for each in known if each.name == method), None)
    if found is None:
        names = ", ".join(each.name for each in known)
        raise SnowflakeError(
            f"SQL compilation error:\nUnknown function {method} of model {model.name}, version {wanted.name}; "
            f"it has {names}.",
            code="002141",
            sqlstate="42601",
        )
    return load_method(session, model, wanted, found)


def _row_call(session: Session, call: Call) -> str:
    called = f"{row_function(session, call.method)}({', '.join(['1', *_casts(call)])})"
    return f"PARSE_JSON({called})" if signature_type(call.method.method.outputs[0].type).is_json else called


def _casts(call: Call) -> list[str]:
    """Return the arguments as SQL of the types that the method was packaged with."""
    given = zip(_with_defaults(call), call.method.method.arguments, strict=True)
    return [
        text if signature_type(argument.type).is_json else f"CAST({text} AS {argument.type})"
        for text, argument in given
    ]  # fmt: skip


def _with_defaults(call: Call) -> list[str]:
    """Return the arguments with the defaults of the parameters that were left out."""
    method, given = call.method.method, call.arguments
    if not len(method.inputs) <= len(given) <= len(method.arguments):
        wanted = ", ".join(f"{argument.name} {argument.type}" for argument in method.arguments)
        raise SnowflakeError(
            f"SQL compilation error:\nInvalid number of arguments for {method.name}: it takes ({wanted}), "
            f"and was given {len(given)}.",
            code="000939",
            sqlstate="22023",
        )
    return [*given, *(argument.default or "NULL" for argument in method.arguments[len(given) :])]
