"""CREATE, DROP, SHOW and DESCRIBE of functions and procedures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlops_embedded.catalog import Document, quote
from mlops_embedded.catalog.grants import Securable, forget_securable
from mlops_embedded.errors import unknown_here
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.functions import split_arguments
from mlops_embedded.sql.python_types import signature_type
from mlops_embedded.sql.results import Rowset, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show_options import read_show_options
from mlops_embedded.sql.signatures import read_dropped, read_signature, stored
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.user_functions import FOREIGN_LANGUAGES

_SHOWN = {
    "created_on": "timestamp_ltz", "name": "text", "schema_name": "text", "is_builtin": "text", "is_aggregate": "text",
    "is_ansi": "text", "min_num_arguments": "fixed", "max_num_arguments": "fixed", "arguments": "text",
    "description": "text", "catalog_name": "text", "is_table_function": "text", "valid_for_clustering": "text",
    "is_secure": "text", "is_external_function": "text", "language": "text", "is_memoizable": "text",
}  # fmt: skip


@statement("CREATE", "FUNCTION")
def create_function(session: Session, found: Statement) -> Status:
    return _create(session, found, "FUNCTION")


@statement("CREATE", "PROCEDURE")
def create_procedure(session: Session, found: Statement) -> Status:
    return _create(session, found, "PROCEDURE")


def _create(session: Session, found: Statement, kind: str) -> Status:
    signature = read_signature(session, found, kind)
    if kind == "PROCEDURE" and signature.properties["language"] not in {"PYTHON", "SQL"}:
        raise unknown_here("stored procedures that are neither in PYTHON nor in SQL")
    foreign = FOREIGN_LANGUAGES.get(signature.properties["language"])
    if foreign is not None:
        signature = replace(signature, properties=foreign.check(session, signature))
    document = stored(session, kind.lower(), signature, temporary=found.temporary)
    created = session.catalog.create(document, or_replace=found.or_replace, if_not_exists=signature.if_not_exists)
    if not created:
        return Status(f"{signature.name.name} already exists, statement succeeded.")
    return Status(f"{kind.capitalize()} {signature.name.name} successfully created.")


@statement("DROP", "FUNCTION")
def drop_function(session: Session, found: Statement) -> Status:
    return _drop(session, found, "FUNCTION")


@statement("DROP", "PROCEDURE")
def drop_procedure(session: Session, found: Statement) -> Status:
    return _drop(session, found, "PROCEDURE")


def _drop(session: Session, found: Statement, kind: str) -> Status:
    name, if_exists = read_dropped(session, found, kind)
    if not session.catalog.delete(kind.lower(), name, if_exists=if_exists):
        return Status(f"Drop statement executed successfully ({name.name} already dropped).")
    forget_securable(session.catalog, Securable(kind, name))
    return Status(f"{name.name.partition('(')[0]} successfully dropped.")


@statement("SHOW", "FUNCTIONS")
@statement("SHOW", "USER", "FUNCTIONS")
def show_functions(session: Session, found: Statement) -> Rowset:
    words = ("SHOW", "USER", "FUNCTIONS") if found.words[1] == "USER" else ("SHOW", "FUNCTIONS")
    return _show(session, found, words, "function")


@statement("SHOW", "PROCEDURES")
@statement("SHOW", "USER", "PROCEDURES")
def show_procedures(session: Session, found: Statement) -> Rowset:
    words = ("SHOW", "USER", "PROCEDURES") if found.words[1] == "USER" else ("SHOW", "PROCEDURES")
    return _show(session, found, words, "procedure")


def _show(session: Session, found: Statement, words: tuple[str, ...], kind: str) -> Rowset:
    options = read_show_options(session, found.after(*words))
    documents = session.catalog.list(kind, database=options.database, schema=options.schema)
    visible = (d for d in documents if d.body["session"] in {None, session.id})
    return Rowset.of(_SHOWN, options.records(_shown(d) for d in visible))


def _shown(document: Document) -> dict[str, Any]:
    body = document.body
    required = sum(default is None for _, _, default in body["arguments"])
    table = body["returns_table"]
    returns = "TABLE (" + ", ".join(" ".join(c) for c in table) + ")" if table is not None else body["returns"].upper()
    return {
        "created_on": document.created_on, "name": body["function"], "schema_name": document.name.schema,
        "is_builtin": "N", "is_aggregate": "N", "is_ansi": "N", "min_num_arguments": required,
        "max_num_arguments": len(body["arguments"]), "arguments": f"{document.name.name} RETURN {returns}",
        "description": body["comment"] or "user-defined function", "catalog_name": document.name.database,
        "is_table_function": "Y" if table is not None else "N", "valid_for_clustering": "N",
        "is_secure": "Y" if body["properties"].get("secure") else "N", "is_external_function": "N",
        "language": body["properties"]["language"], "is_memoizable": "N",
    }  # fmt: skip


@statement("DESCRIBE", "FUNCTION")
@statement("DESCRIBE", "PROCEDURE")
def describe_function(session: Session, found: Statement) -> Rowset:
    kind = found.words[1]
    reader = found.after("DESCRIBE", kind)
    name = session.resolve(reader.name(), f"DESCRIBE {kind}")
    types = [signature_type(reader.text_of(t)).written for t in split_arguments(reader.parenthesised())]
    key = type(name)(name.database, name.schema, f"{name.name}({', '.join(types)})")
    body = session.catalog.get(kind.lower(), key).body
    facts: dict[str, str | None] = {
        "signature": "(" + ", ".join(f"{n} {t}" for n, t, _ in body["arguments"]) + ")",
        "returns": body["returns"],
        **{key: str(value) for key, value in body["properties"].items()},
        "body": body["body"],
    }
    if "service" in body["properties"]:
        facts = {**_of_service(body["properties"]), "signature": facts["signature"], "returns": facts["returns"]}
        facts["body"] = body["body"]
    return Rowset.of(("property", "value"), ({"property": key, "value": value} for key, value in facts.items()))


def _of_service(properties: dict[str, Any]) -> dict[str, str | None]:
    """What DESCRIBE says of a service function beside its signature, what it returns, and its path."""
    return {
        "signature": None, "returns": None, "language": None,
        "null handling": "RETURNS NULL ON NULL INPUT" if properties.get("strict") else "CALLED ON NULL INPUT",
        "volatility": "VOLATILE", "body": None, "headers": None, "context_headers": None,
        "max_batch_rows": str(properties.get("max_batch_rows", "not set")),
        "service": quote(properties["service"][-1]), "service_endpoint": str(properties["endpoint"]),
        "max_batch_retries": str(properties.get("max_batch_retries", 3)),
        "on_batch_failure": properties.get("on_batch_failure", "ABORT"),
        "batch_timeout_secs": str(properties.get("batch_timeout_secs", "not set")),
    }  # fmt: skip
