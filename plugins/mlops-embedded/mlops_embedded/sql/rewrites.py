"""Rewrites of a parsed statement where Snowflake and DuckDB mean different things by the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import Expr, exp

from mlops_embedded.catalog import ObjectName
from mlops_embedded.sql.relations import temporary_name

if TYPE_CHECKING:
    from mlops_embedded.sql.session import Session


DIVISION_BY_ZERO = "Division by zero"
Placement = Callable[["Session", Expr], None]
_PLACEMENTS: list[Placement] = []


def placement(place: Placement) -> Placement:
    """Register a function that points references to something of its own at DuckDB's tables, in place."""
    _PLACEMENTS.append(place)
    return place


def apply(session: Session, expression: Expr) -> Expr:
    """Return the statement with everything below done to it."""
    for place in _PLACEMENTS:
        place(session, expression)
    if session.temporary_tables:
        place_temporary_tables(session, expression)
    name_select_items(expression)
    sum_up_hashes(expression)
    number_md5_halves(expression)
    number_values_columns(expression)
    cross_joins_without_conditions(expression)
    count_with_text(expression)
    refuse_division_by_zero(expression)
    return expression


def table_references(expression: Expr) -> list[exp.Table]:
    """Return the references to tables and views, those to common table expressions left out."""
    found = []
    for table in expression.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue
        if not table.db and stored(table.this) in _visible_ctes(table):
            continue
        found.append(table)
    return found


def _visible_ctes(table: exp.Table) -> set[str]:
    names: set[str] = set()
    ancestor = table.parent
    while ancestor is not None:
        with_ = ancestor.args.get("with_")
        if isinstance(with_, exp.With):
            names.update(stored(cte.args["alias"].this) for cte in with_.expressions)
        ancestor = ancestor.parent
    return names


def stored(identifier: exp.Identifier) -> str:
    """Return the name that Snowflake stores for an identifier."""
    return str(identifier.this) if identifier.quoted else str(identifier.this).upper()


def resolved(session: Session, table: exp.Table) -> ObjectName | None:
    """Return the full name of a reference; None where it cannot be one of our objects."""
    parts = [stored(p) for p in table.parts if isinstance(p, exp.Identifier)]
    if not 1 <= len(parts) <= 3 or (len(parts) < 3 and session.database is None):
        return None
    if len(parts) == 1 and session.schema is None:
        return None
    database, schema = session.resolve_schema(tuple(parts[:-1]))
    return ObjectName(database, schema, parts[-1])


def place_temporary_tables(session: Session, expression: Expr) -> None:
    """Point every reference to a temporary table at DuckDB's, which are in a catalog of their own."""
    for table in table_references(expression):
        name = resolved(session, table)
        if name not in session.temporary_tables:
            continue
        assert name is not None
        if not table.alias and not isinstance(table.parent, (exp.Schema, exp.Create, exp.Alter, exp.Drop)):
            written = table.this.copy()
            table.set("alias", exp.TableAlias(this=written))
        table.set("this", exp.to_identifier(temporary_name(name), quoted=True))
        table.set("db", exp.to_identifier("main", quoted=True))
        table.set("catalog", exp.to_identifier("temp", quoted=True))


def qualify(session: Session, expression: Expr) -> None:
    """Write out database and schema of every reference: a view must not follow the session that reads it."""
    for table in table_references(expression):
        name = resolved(session, table)
        if name is None or name.schema == "INFORMATION_SCHEMA" or name in session.temporary_tables:
            continue
        if not table.alias:
            table.set("alias", exp.TableAlias(this=table.this.copy()))
        for part, value in (("catalog", name.database), ("db", name.schema), ("this", name.name)):
            table.set(part, exp.to_identifier(value, quoted=True))


def name_select_items(expression: Expr) -> None:
    """Name unnamed columns by their text, as Snowflake does: COUNT(*), not count_star(); in queries of FROM too."""
    _name_items(expression)
    for query in expression.find_all(exp.Subquery):
        if isinstance(query.parent, (exp.From, exp.Join)):
            _name_items(query)


def _name_items(select: Expr) -> None:
    while isinstance(select, (exp.SetOperation, exp.Subquery)):
        select = select.this
    if not isinstance(select, exp.Select):
        return
    named = []
    for item in select.expressions:
        if isinstance(item, (exp.Alias, exp.Aliases, exp.Star)) or item.is_star:
            named.append(_distinct_alias(item))
        elif isinstance(item, exp.Column):
            named.append(item)
        elif item.sql(dialect="snowflake").isidentifier():
            named.append(item)  # CURRENT_DATE: DuckDB would take it for its own alias
        else:
            text = item.sql(dialect="snowflake")
            named.append(exp.alias_(item, text if isinstance(item, exp.Literal) else text.upper(), quoted=True))
    select.set("expressions", named)


def _distinct_alias(item: Expr) -> Expr:
    """`"owner" AS "OWNER"`: DuckDB would keep the source's spelling, because it ignores case; make it an expression."""
    if isinstance(item, exp.Alias) and isinstance(item.this, exp.Column):
        source, target = stored(item.this.this), stored(item.args["alias"])
        if source != target and source.upper() == target.upper():
            item.set("this", exp.Coalesce(this=item.this, expressions=[exp.Null()]))
    return item


def sum_up_hashes(expression: Expr) -> None:
    """HASH_AGG(a, b): the sum of the rows' hashes, which does not depend on their order; Snowflake's is another number."""
    for call in list(expression.find_all(exp.HashAgg)):
        columns = [call.this, *call.expressions]
        if any(column.is_star for column in columns):
            continue  # which columns a star stands for is known to DuckDB alone: it refuses the function
        row = exp.cast(
            exp.Anonymous(this="hash", expressions=[column.copy() for column in columns]), "hugeint", dialect="duckdb"
        )
        total = exp.Mod(this=exp.Paren(this=exp.Sum(this=row)), expression=exp.Literal.number(2**63))
        call.replace(exp.cast(exp.Paren(this=exp.Coalesce(this=total, expressions=[exp.Literal.number(0)])), "bigint"))


def number_md5_halves(expression: Expr) -> None:
    """MD5_NUMBER_LOWER64 and UPPER64: half of the digest as a number, read from its hexadecimal text."""
    for kind, start in ((exp.MD5NumberLower64, 17), (exp.MD5NumberUpper64, 1)):
        for call in list(expression.find_all(kind)):
            digits = exp.Substring(
                this=exp.MD5(this=call.this.copy()), start=exp.Literal.number(start), length=exp.Literal.number(16)
            )
            text = exp.DPipe(this=exp.Literal.string("0x"), expression=digits)
            number = exp.cast(exp.Paren(this=text), "ubigint", dialect="duckdb")
            call.replace(exp.cast(number, "decimal(20, 0)", dialect="duckdb"))


def number_values_columns(expression: Expr) -> None:
    """`SELECT $1 FROM VALUES (...)`: give the VALUES its columns COLUMN1..n, and $n the one it means."""
    for values in expression.find_all(exp.Values):
        select = values.find_ancestor(exp.Select)
        if select is None or not values.expressions:
            continue
        first = values.expressions[0]
        width = len(first.expressions) if isinstance(first, exp.Tuple) else 1
        alias = values.args.get("alias")
        if alias is None:
            alias = exp.TableAlias(this=exp.to_identifier("_VALUES", quoted=True))
            values.set("alias", alias)
        if not alias.args.get("columns"):
            alias.set("columns", [exp.to_identifier(f"COLUMN{n}", quoted=True) for n in range(1, width + 1)])
        names = [c.name for c in alias.args["columns"]]
        for parameter in list(select.find_all(exp.Parameter)):
            number = parameter.this.name if isinstance(parameter.this, exp.Expression) else str(parameter.this)
            if parameter.find_ancestor(exp.Select) is select and number.isdigit() and int(number) <= len(names):
                parameter.replace(exp.column(exp.to_identifier(names[int(number) - 1], quoted=True)))


def cross_joins_without_conditions(expression: Expr) -> None:
    """`a INNER JOIN b` without ON pairs every row with every row; DuckDB's parser wants it called a CROSS JOIN."""
    for join in expression.find_all(exp.Join):
        args = join.args
        if args.get("kind") == "INNER" and not (args.get("on") or args.get("using") or args.get("method")):
            join.set("kind", "CROSS")


_TEXT = (
    exp.Substring,
    exp.Trim,
    exp.Left,
    exp.Right,
    exp.SplitPart,
    exp.RegexpExtract,
    exp.Upper,
    exp.Lower,
    exp.Replace,
)


def count_with_text(expression: Expr) -> None:
    """`6 - SUBSTRING(v, 3)`: Snowflake reads a number in a text where one is needed; DuckDB has to be told."""
    for parent in list(expression.find_all(exp.Sub, exp.Add, exp.Mul, exp.Div, exp.Neg)):
        for name in ("this", "expression"):
            operand = parent.args.get(name)
            if isinstance(operand, Expr) and _is_text(operand):
                operand.replace(exp.cast(operand.copy(), "double"))


def _is_text(operand: Expr) -> bool:
    """Whether an operand is a text function, or the name that this query or the one below gives to one."""
    if isinstance(operand, _TEXT):
        return True
    select = operand.find_ancestor(exp.Select) if isinstance(operand, exp.Column) else None
    if select is None:
        return False
    source = select.args.get("from_")
    below = source.this.this if source is not None and isinstance(source.this, exp.Subquery) else None
    items = [*select.expressions, *(below.expressions if isinstance(below, exp.Select) else ())]
    wanted = stored(operand.this)
    return any(
        isinstance(item, exp.Alias) and stored(item.args["alias"]) == wanted and isinstance(item.this, _TEXT)
        for item in items
    )


def refuse_division_by_zero(expression: Expr) -> None:
    """`a / b` with b = 0 is an error in Snowflake; DuckDB answers infinity or NULL."""
    for division in list(expression.find_all(exp.Div)):
        divisor = division.expression
        is_safe = isinstance(divisor, exp.Literal) and not divisor.is_string and float(divisor.name) != 0
        if is_safe or division.args.get("safe"):
            continue
        zero = exp.EQ(this=exp.paren(divisor.copy()), expression=exp.Literal.number(0))
        refused = exp.Anonymous(this="ERROR", expressions=[exp.Literal.string(DIVISION_BY_ZERO)])
        divisor.replace(exp.Case(ifs=[exp.If(this=zero, true=refused)], default=divisor.copy()))
