"""FLATTEN with PATH, OUTER, RECURSIVE and MODE: a table macro of DuckDB's, one in each database.

fakesnow's own takes INPUT alone and leaves the other arguments out without a word.
"""

from __future__ import annotations

from sqlglot import Expr, exp

from mlops_embedded.errors import invalid_value

_ARGUMENTS = ("INPUT", "PATH", "OUTER", "RECURSIVE", "MODE")
_KINDS = {"BOTH": "'ARRAY', 'OBJECT'", "ARRAY": "'ARRAY'", "OBJECT": "'OBJECT'"}
_MACRO = """
CREATE OR REPLACE MACRO "{database}".{name}(given, place, is_outer) AS TABLE
    SELECT
        hash(to_json(given))::UBIGINT AS SEQ,
        CASE WHEN ends_with(e.fullkey, ']') THEN NULL ELSE e.key END AS KEY,
        CASE WHEN starts_with(e.fullkey, '$.') THEN e.fullkey[3:] ELSE e.fullkey[2:] END AS PATH,
        CASE WHEN ends_with(e.fullkey, ']') THEN e.key::BIGINT END AS INDEX,
        CASE WHEN json_type(e.value) = 'NULL' THEN 'null'::JSON ELSE e.value END AS VALUE,
        {this} AS THIS
    FROM {function}(to_json(given), place) AS e
    WHERE e.fullkey <> place AND json_type(to_json(given), place) IN ({kinds})
    UNION ALL
    SELECT hash(to_json(given))::UBIGINT, NULL, NULL, NULL, NULL, json_extract(to_json(given), place)
    WHERE is_outer AND (
        coalesce(json_type(to_json(given), place), 'NULL') NOT IN ({kinds})
        OR json_extract(to_json(given), place)::VARCHAR IN ('[]', '{{}}')
    )
"""


def creation_sql(database: str) -> str:
    """Return the statements that make the macros of a database."""
    return ";".join(
        _MACRO.format(
            database=database,
            name=_name(recursive, mode),
            function="json_tree" if recursive else "json_each",
            this="json_extract(to_json(given), e.path)" if recursive else "json_extract(to_json(given), place)",
            kinds=kinds,
        )
        for recursive in (False, True)
        for mode, kinds in _KINDS.items()
    )


def _name(recursive: bool, mode: str) -> str:
    return f"_FLATTEN_{'TREE' if recursive else 'EACH'}_{mode}"


def place_flatten(expression: Expr) -> Expr:
    """Return a FLATTEN of FROM as a call of its macro; everything else as it is."""
    if not (isinstance(expression, (exp.Lateral, exp.TableFromRows)) and isinstance(expression.this, exp.Explode)):
        return expression
    given: dict[str, Expr] = {}
    for position, each in enumerate((expression.this.this, *expression.this.expressions)):
        if isinstance(each, exp.Kwarg):
            given[each.this.name.upper()] = each.expression
        else:
            given[_ARGUMENTS[position]] = each
    unknown = set(given) - set(_ARGUMENTS)
    if unknown:
        raise invalid_value(f"FLATTEN has no argument {', '.join(sorted(unknown))}")
    mode = given["MODE"].name.upper() if "MODE" in given else "BOTH"
    if mode not in _KINDS:
        raise invalid_value(f"invalid value {mode!r} of FLATTEN's argument MODE; it is OBJECT, ARRAY or BOTH")
    place = given["PATH"].name if "PATH" in given else ""
    call = exp.Anonymous(
        this=_name(_is_true(given.get("RECURSIVE")), mode),
        expressions=[
            given["INPUT"],
            exp.Literal.string("$" + (place if place.startswith("[") or not place else f".{place}")),
            exp.convert(_is_true(given.get("OUTER"))),
        ],
    )
    return exp.Table(this=call, alias=expression.args.get("alias"))


def _is_true(given: Expr | None) -> bool:
    return (given is not None and given.name.upper() == "TRUE") or (isinstance(given, exp.Boolean) and bool(given.this))
