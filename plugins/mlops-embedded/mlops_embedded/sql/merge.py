"""MERGE, run as DuckDB's own MERGE; fakesnow's takes only sources with a name, and keys with a table's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
from sqlglot import Expr, exp

from mlops_embedded.errors import SnowflakeError
from mlops_embedded.sql.results import Column, Rowset

if TYPE_CHECKING:
    from fakesnow.cursor import FakeSnowflakeCursor

    from mlops_embedded.sql.session import Session

_ACTIONS = {"INSERT": "number of rows inserted", "UPDATE": "number of rows updated", "DELETE": "number of rows deleted"}


def columns(expression: exp.Merge) -> tuple[Column, ...]:
    """Return the counts that this MERGE answers, in Snowflake's order."""
    actions = {_action(when) for when in expression.args["whens"].expressions}
    return tuple(Column(name, "fixed") for action, name in _ACTIONS.items() if action in actions)


def run(session: Session, cursor: FakeSnowflakeCursor, expression: exp.Merge) -> Rowset:
    """Run the MERGE in one statement and answer the rows inserted, updated, deleted.

    Raises:
        SnowflakeError 100090: two rows of the source match one row of the target.
    """
    answered = columns(expression)
    source = expression.args["using"]
    if isinstance(source, (exp.Subquery, exp.Values)) and not source.alias:
        source.set("alias", exp.TableAlias(this=exp.to_identifier("_SOURCE", quoted=True)))
    for when in expression.args["whens"].expressions:
        then = when.args.get("then")
        if isinstance(then, exp.Update):
            for assignment in then.expressions:  # SET t.v = ...: DuckDB wants the bare column
                assignment.set("this", exp.column(assignment.this.this))
    transformed: Expr = cursor._transform(expression, None)
    try:
        rows = session.duckdb.execute(f"{transformed.sql(dialect='duckdb')} RETURNING merge_action").fetchall()
    except duckdb.InvalidInputException as error:
        if "more than once" not in str(error):
            raise
        message = "Duplicate row detected during DML action"
        raise SnowflakeError(message, code="100090", sqlstate="42P18") from error
    actions = [action for action, name in _ACTIONS.items() if Column(name, "fixed") in answered]
    counts = tuple(sum(row[0] == action for row in rows) for action in actions)
    return Rowset(answered, (counts,), sum(counts))


def _action(when: exp.When) -> str:
    then = when.args["then"]
    if isinstance(then, exp.Insert):
        return "INSERT"
    return "UPDATE" if isinstance(then, exp.Update) else "DELETE"
