"""Work-arounds of fakesnow 0.12's own faults, one function each, and nothing else.

Each has a test in tests/functional/sql/test_fakesnow_faults.py that fails when fakesnow no longer needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import Expr, exp

from mlops_embedded.sql.flatten import place_flatten

if TYPE_CHECKING:
    pass


def before_transforms(expression: Expr) -> Expr:
    """Return the parsed Snowflake statement in a form that fakesnow's transforms take."""
    for each in list(expression.find_all(exp.Seq1, exp.Seq2, exp.Seq4, exp.Seq8)):
        _sequence(each)
    for each in list(expression.find_all(exp.EQ, exp.NEQ, exp.In, exp.Like, exp.ILike)):
        _text_in_json(each)
    for each in list(expression.find_all(exp.RegexpReplace)):
        _defaults_of_regexp_replace(each)
    return expression.transform(_binary, copy=False).transform(place_flatten, copy=False)


def _text_in_json(comparison: Expr) -> None:
    """`v:name = 'x'` compares the text that is in the VARIANT; the transforms leave DuckDB to read 'x' as JSON."""
    for path, others in (
        (comparison.this, [comparison.expression] if comparison.args.get("expression") else comparison.expressions),
        (comparison.args.get("expression"), [comparison.this]),
    ):
        texts = [each for each in others if isinstance(each, exp.Literal) and each.is_string]
        if isinstance(path, (exp.JSONExtract, exp.Bracket)) and texts and len(texts) == len(others):
            path.replace(exp.cast(path.copy(), exp.DType.TEXT))


def _defaults_of_regexp_replace(call: exp.RegexpReplace) -> None:
    """REGEXP_REPLACE(text, pattern, new, 1, 0, 'c') says what holds anyway; the transforms refuse every fourth argument."""
    for name, default in (("modifiers", "c"), ("occurrence", "0"), ("position", "1")):
        given = call.args.get(name)
        if given is None or given.name == default:
            call.args.pop(name, None)
        else:
            break


def _sequence(call: Expr) -> None:
    """SEQ8() over TABLE(GENERATOR(...)) is DuckDB's range; sqlglot's window function cannot stand in a window."""
    select = call.find_ancestor(exp.Select)
    if select is not None and select.find(exp.Generator) is not None:
        call.replace(exp.column(exp.to_identifier("range", quoted=True)))


def _binary(expression: Expr) -> Expr:
    """A text becomes BINARY by its hexadecimal digits; the transforms leave DuckDB to take the characters' bytes."""
    if isinstance(expression, exp.Cast) and expression.to.this in {exp.DType.BINARY, exp.DType.VARBINARY}:
        inner = expression.this
        if isinstance(inner, exp.Literal) and inner.is_string:
            return exp.func("UNHEX", inner.copy())
    if isinstance(expression, exp.ToBinary):
        how = expression.args.get("format")
        if how is None or how.name.upper() == "HEX":
            return exp.func("UNHEX", expression.this.copy())
    return expression


def after_transforms(expression: Expr) -> Expr:
    """Return the DuckDB statement as it must be where the transforms leave it wrong."""
    return expression.transform(_array_slice, copy=False)


def _array_slice(expression: Expr) -> Expr:
    """ARRAY_SLICE of an ARRAY, which is JSON here, takes elements; the transforms leave DuckDB to take characters."""
    if not isinstance(expression, exp.ArraySlice):
        return expression
    elements = exp.cast(exp.func("TO_JSON", expression.this), exp.DataType.build("JSON[]", dialect="duckdb"))
    first, last = _bound(expression.args["start"], shift=1), _bound(expression.args["end"], shift=0)
    return exp.func("TO_JSON", exp.Anonymous(this="LIST_SLICE", expressions=[elements, first, last]))


def _bound(given: Expr, *, shift: int) -> Expr:
    """Snowflake counts from 0 and leaves out the last, from the end too; DuckDB counts from 1 and takes it."""
    from_end = 0 if shift else 1
    is_negative = exp.LT(this=given.copy(), expression=exp.Literal.number(0))
    before_end = exp.Sub(this=exp.paren(given.copy()), expression=exp.Literal.number(from_end))
    after_start = exp.Add(this=exp.paren(given.copy()), expression=exp.Literal.number(shift))
    return exp.Case(ifs=[exp.If(this=is_negative, true=before_end)], default=after_start)


def split(expression: Expr) -> list[Expr] | None:
    """Return the parts that a statement must be run as, None if it is one.

    CREATE TABLE (columns) AS SELECT: fakesnow describes the SELECT before it translates it, and fails on every
    function of Snowflake's. Creating and filling are two statements.
    """
    if not (
        isinstance(expression, exp.Create)
        and expression.kind == "TABLE"
        and isinstance(expression.this, exp.Schema)
        and isinstance(expression.expression, exp.Query)
    ):
        return None
    create = expression.copy()
    create.set("expression", None)
    insert = exp.Insert(this=expression.this.this.copy(), expression=expression.expression.copy())
    return [create, insert]
