"""What a query needs: SELECT on what it reads, the privilege of its verb on what it writes, CREATE on the schema.

A view is asked for SELECT itself, never for the tables behind it, as in Snowflake, where a view runs with the rights of
its owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from mlops_embedded.catalog import ObjectName
from mlops_embedded.catalog.grants import ADMINISTRATOR, Securable, privileges_on, require
from mlops_embedded.errors import does_not_exist
from mlops_embedded.sql.relations import find_relation

if TYPE_CHECKING:
    from mlops_embedded.sql.session import Session

_WRITES: dict[type[exp.Expression], set[str]] = {
    exp.Insert: {"INSERT"},
    exp.Update: {"UPDATE"},
    exp.Delete: {"DELETE"},
    exp.Merge: {"INSERT", "UPDATE"},
    exp.TruncateTable: {"TRUNCATE"},
}


def check_access(session: Session, statement: exp.Expression, *, temporary: bool = False) -> None:
    """Refuse a query, DML, or CREATE of a table or view that the session's role may not run; a temporary one needs nothing.

    Raises:
        SnowflakeError 003001, 002003: a privilege is missing, or all of them.
    """
    if session.role == ADMINISTRATOR:
        return
    target = _target(statement)
    if isinstance(statement, exp.Create) and target is not None and not temporary:
        require_in_schema(session, _name(session, target), f"CREATE {str(statement.args.get('kind')).upper()}")
    elif target is not None and not isinstance(statement, exp.Create):
        for privilege in sorted(_WRITES[type(statement)]):
            require_on_relation(session, _name(session, target), privilege)
    expressions_named = {cte.alias_or_name.upper() for cte in statement.find_all(exp.CTE)}
    for table in statement.find_all(exp.Table):
        bare = not table.db and table.name.upper() in expressions_named
        if table is not target and not bare and isinstance(table.this, exp.Identifier):
            require_on_relation(session, _name(session, table), "SELECT")


def _target(statement: exp.Expression) -> exp.Table | None:
    """The table or view that is written, created or dropped; None for a query, or DDL about something else."""
    if isinstance(statement, (exp.Create, exp.Drop)) and str(statement.args.get("kind")).upper() not in {
        "TABLE",
        "VIEW",
    }:
        return None
    if type(statement) not in _WRITES and not isinstance(statement, exp.Create):
        return None
    named = statement.expressions[0] if isinstance(statement, exp.TruncateTable) else statement.this
    table = named.this if isinstance(named, exp.Schema) else named
    return table if isinstance(table, exp.Table) else None


def _name(session: Session, table: exp.Table) -> ObjectName:
    parts = (table.args.get("catalog"), table.args.get("db"), table.this)
    stored = (p.name if p.args.get("quoted") else p.name.upper() for p in parts if p is not None)
    return session.resolve(tuple(stored), "this statement")


def require_on_relation(session: Session, name: ObjectName, privilege: str) -> None:
    """Refuse with 003001 or 002003 what the role may not do with a table or view."""
    if session.role == ADMINISTRATOR:
        return
    if name.schema == "INFORMATION_SCHEMA" or name in session.temporary_tables:
        return
    relation = find_relation(session, name)
    if relation is None:
        return  # a scratch table of the session, or nothing at all, which DuckDB says in its own words
    require_in_schema(session, name, None)
    on = Securable("VIEW" if relation.is_view else "TABLE", name)
    require(session.catalog, session.role, privilege, on, relation.body.get("owner"))


def require_in_schema(session: Session, name: ObjectName, privilege: str | None) -> None:
    """The database and the schema must be there for the role, and the schema allow what is created in it."""
    catalog = session.catalog
    schema = ObjectName(name.database, None, name.schema or "")
    for kind, named in (("database", ObjectName(None, None, name.database or "")), ("schema", schema)):
        owner = catalog.get(kind, named).body.get("owner")
        if not privileges_on(catalog, session.role, Securable(kind.upper(), named), owner):
            raise does_not_exist(kind, named)
        if kind == "schema" and privilege is not None:
            require(catalog, session.role, privilege, Securable("SCHEMA", named), owner)
