"""Tables: CREATE, DROP, ALTER and COMMENT, with what the catalog keeps of each."""

from __future__ import annotations

from sqlglot import exp

from mlops_embedded.catalog import ObjectName
from mlops_embedded.catalog.tags import Tagged, move_tags
from mlops_embedded.errors import already_exists, does_not_exist, syntax_error, wrong_type
from mlops_embedded.sql import functions, query, relations
from mlops_embedded.sql.access import require_on_relation
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.results import Answer, Rewrite, Status
from mlops_embedded.sql.rewrites import resolved
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tag_clauses import alter_tags, read_tags, set_tags


@statement("CREATE", "TABLE")
def create_table(session: Session, found: Statement) -> Status:
    found, tags = _without_tags(session, found)
    expression = _parsed(session, found)
    table = expression.find(exp.Table)
    name = None if table is None else resolved(session, table)
    if table is None or name is None:
        session.connection.cursor().check_db_and_schema(expression)
        raise syntax_error("CREATE TABLE names no table")
    session.catalog.get("schema", ObjectName(name.database, None, name.schema or ""))
    there = name in session.temporary_tables if found.temporary else relations.find_relation(session, name) is not None
    if there and not found.or_replace:
        if expression.args.get("exists"):
            return Status(f"{name.name} already exists, statement succeeded.")
        raise already_exists("table", name)
    _select_from_like(expression)
    comment = _take_comment(expression)
    if found.temporary:
        _create_temporary(session, expression, table, name)
    else:
        _drop_other_kind(session, name)
        query.run_parsed(session, expression)
        kind = "TRANSIENT" if "TRANSIENT" in found.modifiers else "TABLE"
        relations.record(session, name, "table", kind=kind, comment=comment)
        set_tags(session, Tagged("TABLE", name), tags)
    return Status(f"Table {name.name} successfully created.")


def _parsed(session: Session, found: Statement) -> exp.Create:
    expression = query.parse(functions.expand(session, found).text)
    if not isinstance(expression, exp.Create):
        raise syntax_error(f"CREATE TABLE is not understood: {found.text[:80]}")
    return expression


def _without_tags(session: Session, found: Statement) -> tuple[Statement, dict[ObjectName, str]]:
    """Take `[WITH] TAG (...)` behind the columns out of the text: the parser of the rest does not know it."""
    depth = 0
    for index, token in enumerate(found.tokens[:-1]):
        depth += token.is_symbol("(") - token.is_symbol(")")
        if depth == 0 and token.is_word("AS"):
            break
        if depth == 0 and token.is_word("TAG") and found.tokens[index + 1].is_symbol("("):
            reader = Reader(found, index + 1)
            tags = read_tags(session, reader)
            start = found.tokens[index - 1].start if found.tokens[index - 1].is_word("WITH") else token.start
            return Statement.of(found.text[:start] + " " + reader.rest()), tags
    return found, {}


def _select_from_like(expression: exp.Create) -> None:
    """CREATE TABLE a LIKE b: the columns of b without its rows."""
    like = expression.find(exp.LikeProperty)
    if like is not None:
        expression.set("expression", exp.select("*").from_(like.this.copy()).where(exp.false()))


def _take_comment(expression: exp.Create) -> str:
    properties = expression.args.get("properties")
    if properties is None:
        return ""
    comment = properties.find(exp.SchemaCommentProperty)
    kept = (exp.TemporaryProperty, exp.TransientProperty)
    properties.set("expressions", [p for p in properties.expressions if isinstance(p, kept)])
    return str(comment.this.name) if comment is not None else ""


def _create_temporary(session: Session, expression: exp.Create, table: exp.Table, name: ObjectName) -> None:
    place = relations.temporary_name(name)
    if name in session.temporary_tables:
        # CREATE OR REPLACE may read the table it replaces
        expression.set("replace", True)
    table.set("db", None)
    table.set("catalog", None)
    table.set("this", exp.to_identifier(place, quoted=True))
    query.run_parsed(session, expression, temporary=True)
    session.temporary_tables[name] = "TABLE"


def _drop_other_kind(session: Session, name: ObjectName) -> None:
    """CREATE OR REPLACE TABLE over a view of the name (and the other way round) replaces it."""
    there = relations.find_relation(session, name)
    if there is not None and there.is_view:
        session.duckdb.execute(f"DROP VIEW {duckdb_name(name)}")
        relations.forget(session, name)


def duckdb_name(name: ObjectName) -> str:
    return ".".join('"' + p.replace('"', '""') + '"' for p in (name.database, name.schema, name.name) if p)


@statement("DROP", "TABLE")
def drop_table(session: Session, found: Statement) -> Status:
    return _drop(session, found, "TABLE")


@statement("DROP", "VIEW")
def drop_view(session: Session, found: Statement) -> Status:
    return _drop(session, found, "VIEW")


def _drop(session: Session, found: Statement, kind: str) -> Status:
    reader = found.after("DROP", kind)
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), f"DROP {kind}")
    reader.accept_any(("CASCADE", "RESTRICT"))
    reader.finish()
    if session.temporary_tables.get(name) == kind:
        session.duckdb.execute(f'DROP {kind} temp.main."{relations.temporary_name(name)}"')
        del session.temporary_tables[name]
        return Status(f"{name.name} successfully dropped.")
    return drop_relation(session, name, kind, if_exists=if_exists)


def drop_relation(session: Session, name: ObjectName, kind: str, *, if_exists: bool = False) -> Status:
    """Drop a table or view that is no temporary one, after the privileges are asked."""
    there = relations.find_relation(session, name)
    if there is None:
        if if_exists:
            return Status(f"Drop statement executed successfully ({name.name} already dropped).")
        raise does_not_exist(kind, name)
    if there.is_view != (kind == "VIEW"):
        raise wrong_type("VIEW" if there.is_view else "TABLE", kind)
    require_on_relation(session, name, "OWNERSHIP")
    session.commit()
    session.duckdb.execute(f"DROP {kind} {duckdb_name(name)}")
    relations.forget(session, name)
    return Status(f"{name.name} successfully dropped.")


@statement("ALTER", "TABLE")
def alter_table(session: Session, found: Statement) -> Answer:
    return _alter(session, found, "TABLE")


@statement("ALTER", "VIEW")
def alter_view(session: Session, found: Statement) -> Answer:
    return _alter(session, found, "VIEW")


def _alter(session: Session, found: Statement, kind: str) -> Answer:
    reader = found.after("ALTER", kind)
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), f"ALTER {kind}")
    there = relations.find_relation(session, name)
    if there is None:
        if if_exists:
            return Status()
        raise does_not_exist(kind, name)
    require_on_relation(session, name, "OWNERSHIP")
    if reader.accept("RENAME", "TO"):
        new = session.resolve(reader.name(), f"ALTER {kind}")
        return _rename(session, kind, name, new)
    if alter_tags(session, reader, Tagged("TABLE", name)):
        return Status()
    if reader.accept("SET", "COMMENT", "="):
        _set(session, there, comment=reader.string())
        return Status()
    if reader.accept("UNSET", "COMMENT"):
        _set(session, there, comment="")
        return Status()
    if kind == "TABLE" and (
        reader.accept("CLUSTER", "BY") or reader.accept("SET", "DATA_RETENTION_TIME_IN_DAYS") or
        reader.accept("SET", "CHANGE_TRACKING") or reader.accept("SET", "ENABLE_SCHEMA_EVOLUTION")
    ):  # fmt: skip
        return Status()  # says how Snowflake stores the table, which shows in no answer here
    return Rewrite(found.text)


def _set(session: Session, there: relations.Relation, **properties: str) -> None:
    kind = "view" if there.is_view else "table"
    if session.catalog.find(kind, there.name) is None:
        relations.record(session, there.name, kind, **properties)
    else:
        session.catalog.update(kind, there.name, **properties)


def _rename(session: Session, kind: str, name: ObjectName, new: ObjectName) -> Status:
    if relations.find_relation(session, new) is not None:
        raise already_exists(kind, new)
    if name in session.temporary_tables:
        place, target = relations.temporary_name(name), relations.temporary_name(new)
        session.duckdb.execute(f'ALTER {kind} temp.main."{place}" RENAME TO "{target}"')
        session.temporary_tables[new] = session.temporary_tables.pop(name)
        return Status()
    session.commit()
    if (name.database, name.schema) == (new.database, new.schema):
        quoted = new.name.replace('"', '""')
        session.duckdb.execute(f'ALTER {kind} {duckdb_name(name)} RENAME TO "{quoted}"')
    elif kind == "TABLE":
        session.duckdb.execute(f"CREATE TABLE {duckdb_name(new)} AS FROM {duckdb_name(name)}")
        session.duckdb.execute(f"DROP TABLE {duckdb_name(name)}")
    else:
        raise syntax_error("a view keeps its schema: create it again in the other one")
    with session.catalog.transaction():
        if session.catalog.find(kind.lower(), name) is not None:
            session.catalog.rename(kind.lower(), name, new)
        move_tags(session.catalog, Tagged("TABLE", name), Tagged("TABLE", new))
    return Status()


@statement("COMMENT", "ON")
@statement("COMMENT", "IF", "EXISTS", "ON")
def comment_on(session: Session, found: Statement) -> Status:
    reader = found.after("COMMENT")
    if_exists = reader.if_exists()
    reader.expect("ON")
    kind = reader.identifier()
    if kind == "COLUMN":
        parts = [reader.identifier()]
        while reader.accept("."):
            parts.append(reader.identifier())
        reader.expect("IS")
        table = session.resolve(tuple(parts[:-1]), "COMMENT")
        there = relations.get_relation(session, table)
        comments = {**there.body.get("column_comments", {}), parts[-1]: reader.string()}
        _set(session, there, column_comments=comments)  # type: ignore[arg-type] # a mapping among texts
        return Status()
    parts_ = reader.name()
    reader.expect("IS")
    text = reader.string()
    if kind in {"TABLE", "VIEW"}:
        named = session.resolve(parts_, "COMMENT")
        relation = relations.find_relation(session, named)
        if relation is not None:
            _set(session, relation, comment=text)
        elif not if_exists:
            raise does_not_exist(kind, named)
        return Status()
    if kind in {"DATABASE", "WAREHOUSE", "ROLE"}:
        named = ObjectName(None, None, parts_[0])
    elif kind == "SCHEMA":
        database, schema = session.resolve_schema(parts_)
        named = ObjectName(database, None, schema)
    else:
        named = session.resolve(parts_, "COMMENT")
    if not (if_exists and session.catalog.find(kind.lower(), named) is None):
        session.catalog.update(kind.lower(), named, comment=text)
    return Status()
