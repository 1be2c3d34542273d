"""INFORMATION_SCHEMA: views whose rows come from the catalog, where DuckDB's own do not know the answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import distributions
from typing import Any

from sqlglot import Expr, exp

from mlops_embedded.sql.relations import relations
from mlops_embedded.sql.results import Rowset
from mlops_embedded.sql.rewrites import placement, stored, table_references
from mlops_embedded.sql.session import Session

View = Callable[[Session, str], Rowset]
_VIEWS: dict[str, View] = {}


def information_view(name: str) -> Callable[[View], View]:
    """Register a view of INFORMATION_SCHEMA; the function gets the session and the database."""

    def register(view: View) -> View:
        _VIEWS[name] = view
        return view

    return register


@placement
def place_views(session: Session, expression: Expr) -> None:
    """Replace references to the views registered here by their rows."""
    for table in table_references(expression):
        parts = [stored(p) for p in table.parts if isinstance(p, exp.Identifier)]
        implied = len(parts) == 1 and session.schema == "INFORMATION_SCHEMA"
        if not implied and (len(parts) < 2 or parts[-2] != "INFORMATION_SCHEMA"):
            continue
        database = parts[0] if len(parts) == 3 else session.database
        view = _VIEWS.get(parts[-1])
        if view is None or database is None:
            continue
        place = session.scratch_table(view(session, database)).split('"')[1]
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(parts[-1], quoted=True)))
        for part, value in (("this", place), ("db", "main"), ("catalog", "temp")):
            table.set(part, exp.to_identifier(value, quoted=True))


@information_view("PACKAGES")
def packages(session: Session, database: str) -> Rowset:
    """What UDFs and procedures may ask for: the distributions of the environment they run in."""
    runtime = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = {d.metadata["Name"].lower(): d.version for d in distributions() if d.metadata["Name"]}
    # the fit of snowflake.ml.modeling's estimators names it among its packages, and imports nothing of it
    found.setdefault("snowflake-telemetry-python", "0.8.0")
    return Rowset.of(
        ("PACKAGE_NAME", "VERSION", "LANGUAGE", "RUNTIME_VERSION"),
        (
            {"PACKAGE_NAME": name, "VERSION": version, "LANGUAGE": "python", "RUNTIME_VERSION": runtime}
            for name, version in sorted(found.items())
        ),
    )


@information_view("TABLES")
def tables(session: Session, database: str) -> Rowset:
    columns = {
        "TABLE_CATALOG": "text", "TABLE_SCHEMA": "text", "TABLE_NAME": "text", "TABLE_OWNER": "text",
        "TABLE_TYPE": "text", "IS_TRANSIENT": "text", "CLUSTERING_KEY": "text", "ROW_COUNT": "fixed", "BYTES": "fixed",
        "RETENTION_TIME": "fixed", "CREATED": "timestamp_ltz", "LAST_ALTERED": "timestamp_ltz",
        "COMMENT": "text", "IS_TEMPORARY": "text", "IS_DYNAMIC": "text",
    }  # fmt: skip
    return Rowset.of(columns, (_table(r) for r in relations(session, database)))


def _table(relation: Any) -> dict[str, Any]:
    kinds = {"VIEW": "VIEW", "TEMPORARY": "LOCAL TEMPORARY"}
    return {
        "TABLE_CATALOG": relation.name.database, "TABLE_SCHEMA": relation.name.schema,
        "TABLE_NAME": relation.name.name, "TABLE_OWNER": relation.body.get("owner"),
        "TABLE_TYPE": kinds.get(relation.kind, "BASE TABLE"),
        "IS_TRANSIENT": "YES" if relation.kind == "TRANSIENT" else "NO", "ROW_COUNT": relation.rows, "BYTES": 0,
        "RETENTION_TIME": 1, "CREATED": relation.created_on, "LAST_ALTERED": relation.created_on,
        "COMMENT": relation.body.get("comment", ""), "IS_TEMPORARY": "YES" if relation.kind == "TEMPORARY" else "NO",
        "IS_DYNAMIC": "YES" if relation.body.get("dynamic") else "NO",
    }  # fmt: skip


@information_view("VIEWS")
def views(session: Session, database: str) -> Rowset:
    names = ("TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "TABLE_OWNER", "VIEW_DEFINITION", "IS_SECURE", "COMMENT")
    return Rowset.of(
        names,
        (
            {
                "TABLE_CATALOG": r.name.database, "TABLE_SCHEMA": r.name.schema, "TABLE_NAME": r.name.name,
                "TABLE_OWNER": r.body.get("owner"), "VIEW_DEFINITION": r.body.get("text"),
                "IS_SECURE": "YES" if r.body.get("secure") else "NO", "COMMENT": r.body.get("comment", ""),
            }
            for r in relations(session, database)
            if r.is_view
        ),
    )  # fmt: skip


@information_view("SCHEMATA")
def schemata(session: Session, database: str) -> Rowset:
    columns = {
        "CATALOG_NAME": "text", "SCHEMA_NAME": "text", "SCHEMA_OWNER": "text", "CREATED": "timestamp_ltz",
        "COMMENT": "text",
    }  # fmt: skip
    return Rowset.of(
        columns,
        (
            {
                "CATALOG_NAME": database, "SCHEMA_NAME": d.name.name, "SCHEMA_OWNER": d.body["owner"],
                "CREATED": d.created_on, "COMMENT": d.body["comment"],
            }
            for d in session.catalog.list("schema", database=database)
        ),
    )  # fmt: skip


@information_view("DATABASES")
def databases(session: Session, database: str) -> Rowset:
    columns = {"DATABASE_NAME": "text", "DATABASE_OWNER": "text", "CREATED": "timestamp_ltz", "COMMENT": "text"}
    return Rowset.of(
        columns,
        (
            {
                "DATABASE_NAME": d.name.name, "DATABASE_OWNER": d.body["owner"], "CREATED": d.created_on,
                "COMMENT": d.body["comment"],
            }
            for d in session.catalog.list("database")
        ),
    )  # fmt: skip


@information_view("STAGES")
def stages(session: Session, database: str) -> Rowset:
    names = ("STAGE_CATALOG", "STAGE_SCHEMA", "STAGE_NAME", "STAGE_OWNER", "STAGE_TYPE", "COMMENT")
    return Rowset.of(
        names,
        (
            {
                "STAGE_CATALOG": database, "STAGE_SCHEMA": d.name.schema, "STAGE_NAME": d.name.name,
                "STAGE_OWNER": d.body["owner"], "STAGE_TYPE": "Internal Named", "COMMENT": d.body["comment"],
            }
            for d in session.catalog.list("stage", database=database)
        ),
    )  # fmt: skip
