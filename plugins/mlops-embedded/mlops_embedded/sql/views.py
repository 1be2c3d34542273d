"""Views: CREATE VIEW keeps its whole text, which clients read back and parse."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from mlops_embedded.catalog import ObjectName
from mlops_embedded.catalog.identifiers import normalize
from mlops_embedded.catalog.tags import Tagged
from mlops_embedded.errors import already_exists, syntax_error, wrong_type
from mlops_embedded.sql import functions, query, relations
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.functions import split_arguments
from mlops_embedded.sql.results import Status
from mlops_embedded.sql.rewrites import qualify
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tables import duckdb_name
from mlops_embedded.sql.tag_clauses import read_tags, set_tags
from mlops_embedded.sql.tokens import Kind, Token, string_value


@statement("CREATE", "VIEW")
def create_view(session: Session, found: Statement) -> Status:
    reader = found.after("CREATE", "VIEW")
    if_not_exists = reader.if_not_exists()
    name = session.resolve(reader.name(), "CREATE VIEW")
    session.catalog.get("schema", ObjectName(name.database, None, name.schema or ""))
    columns, comments = read_view_columns(reader)
    clauses = read_view_clauses(session, reader)
    if found.temporary:
        return _create_temporary(session, found, name, columns, reader.rest())
    there = relations.find_relation(session, name)
    if there is not None and not found.or_replace:
        if if_not_exists:
            return Status(f"{name.name} already exists, statement succeeded.")
        raise already_exists("view" if there.is_view else "table", name)
    if there is not None and not there.is_view:
        raise wrong_type("DYNAMIC_TABLE" if "dynamic" in there.body else "TABLE", "VIEW")
    selected = functions.expand(session, Statement.of(reader.rest()))
    expression = query.parse(selected.text)
    qualify(session, expression)
    listed = f" ({', '.join(columns)})" if columns else ""
    prefix = f"CREATE OR REPLACE VIEW {duckdb_name(name)}{listed} AS "
    query.run_parsed(session, query.parse(prefix + expression.sql(dialect="snowflake")))
    relations.record(
        session, name, "view",
        comment=clauses["comment"], text=found.text, column_comments=comments, secure="SECURE" in found.modifiers,
    )  # fmt: skip
    set_tags(session, Tagged("TABLE", name), clauses["tags"])
    return Status(f"View {name.name} successfully created.")


def _create_temporary(
    session: Session, found: Statement, name: ObjectName, columns: list[str], selected: str
) -> Status:
    if name in session.temporary_tables and not found.or_replace:
        raise already_exists("view", name)
    expression = query.parse(functions.expand(session, Statement.of(selected)).text)
    qualify(session, expression)
    listed = f" ({', '.join(columns)})" if columns else ""
    place = relations.temporary_name(name).replace('"', '""')
    prefix = f'CREATE OR REPLACE TEMPORARY VIEW "{place}"{listed} AS '
    query.run_parsed(session, query.parse(prefix + expression.sql(dialect="snowflake")), temporary=True)
    session.temporary_tables[name] = "VIEW"
    return Status(f"View {name.name} successfully created.")


def read_view_columns(reader: Reader) -> tuple[list[str], dict[str, str]]:
    """Read `(ID, V COMMENT 'x', ...)` if it comes next: the names as written, and the comments by stored name."""
    following = reader.peek()
    if following is None or not following.is_symbol("("):
        return [], {}
    names, comments = [], {}
    for column in split_arguments(reader.parenthesised()):
        names.append(column[0].text)
        comment = _comment(column)
        if comment:
            comments[normalize(column[0].text)] = comment
    return names, comments


def _comment(column: tuple[Token, ...]) -> str:
    for word, value in pairwise(column):
        if word.is_word("COMMENT") and value.kind is Kind.STRING:
            return string_value(value.text)
    return ""


def read_view_clauses(session: Session, reader: Reader) -> dict[str, Any]:
    """Read what may stand between the columns and AS, in any order, and step over the AS."""
    clauses: dict[str, Any] = {"comment": "", "tags": {}}
    while not reader.accept("AS"):
        if reader.accept("COMMENT", "="):
            clauses["comment"] = reader.string()
        elif reader.accept("WITH", "TAG") or reader.accept("TAG"):
            clauses["tags"] = read_tags(session, reader)
        elif reader.accept("CHANGE_TRACKING", "="):
            reader.value()
        elif not reader.accept("COPY", "GRANTS"):
            token = reader.next()
            raise syntax_error(f"syntax error: unexpected {token.text!r} at position {token.start}")
    return clauses
