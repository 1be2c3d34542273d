"""Tags as objects: CREATE, ALTER, DROP and SHOW TAGS, and the functions that read what is tagged.

Setting a tag on an object is a clause of that object's own statements: sql/tag_clauses.py.
"""

from __future__ import annotations

import json
from typing import Any

from mlops_embedded.catalog import Document, ObjectName, parse_name
from mlops_embedded.catalog.tags import Tagged, TagReference, references_to, tags_of, unset_tag
from mlops_embedded.errors import invalid_value
from mlops_embedded.sql.access import require_in_schema
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.functions import Arguments, scalar_function, table_function
from mlops_embedded.sql.results import Rowset, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show_options import read_show_options
from mlops_embedded.sql.statement import Reader, Statement

_SHOWN = {
    "created_on": "timestamp_ltz", "name": "text", "database_name": "text", "schema_name": "text", "owner": "text",
    "comment": "text", "allowed_values": "text", "owner_role_type": "text", "propagate": "text",
    "on_conflict": "text",
}  # fmt: skip
_REFERENCES = (
    "TAG_DATABASE", "TAG_SCHEMA", "TAG_NAME", "TAG_VALUE", "LEVEL", "OBJECT_DATABASE", "OBJECT_SCHEMA", "OBJECT_NAME",
    "DOMAIN", "COLUMN_NAME", "APPLY_METHOD",
)  # fmt: skip
_ACCOUNT_DOMAINS = {"DATABASE", "WAREHOUSE", "ROLE", "USER", "INTEGRATION", "COMPUTE POOL"}
_TABLE_DOMAINS = {"VIEW", "DYNAMIC TABLE", "MATERIALIZED VIEW", "EXTERNAL TABLE", "EVENT TABLE", "ICEBERG TABLE"}
_MAX_ALLOWED_VALUES = 5_000


@statement("CREATE", "TAG")
def create_tag(session: Session, found: Statement) -> Status:
    reader = found.after("CREATE", "TAG")
    if_not_exists = reader.if_not_exists()
    name = session.resolve(reader.name(), "CREATE TAG")
    require_in_schema(session, name, "CREATE TAG")
    session.catalog.get("schema", ObjectName(name.database, None, name.schema or ""))
    body: dict[str, Any] = {"owner": session.role, "comment": "", "allowed_values": None}
    while not reader.at_end:
        if reader.accept("ALLOWED_VALUES"):
            body["allowed_values"] = _values(reader)
        else:
            reader.expect("COMMENT")
            reader.expect("=")
            body["comment"] = reader.string()
    created = session.catalog.create(
        Document("tag", name, body), or_replace=found.or_replace, if_not_exists=if_not_exists
    )
    if not created:
        return Status(f"{name.name} already exists, statement succeeded.")
    return Status(f"Tag {name.name} successfully created.")


def _values(reader: Reader) -> list[str]:
    values = [reader.string()]
    while reader.accept(","):
        values.append(reader.string())
    if len(values) > _MAX_ALLOWED_VALUES:
        raise invalid_value(f"a tag has at most {_MAX_ALLOWED_VALUES} allowed values, not {len(values)}")
    return values


@statement("ALTER", "TAG")
def alter_tag(session: Session, found: Statement) -> Status:
    reader = found.after("ALTER", "TAG")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "ALTER TAG")
    if if_exists and session.catalog.find("tag", name) is None:
        return Status()
    allowed = session.catalog.get("tag", name).body["allowed_values"]
    if reader.accept("SET", "COMMENT", "="):
        changes: dict[str, Any] = {"comment": reader.string()}
    elif reader.accept("UNSET", "COMMENT"):
        changes = {"comment": ""}
    elif reader.accept("SET", "ALLOWED_VALUES"):
        changes = {"allowed_values": _values(reader)}
    elif reader.accept("UNSET", "ALLOWED_VALUES"):
        changes = {"allowed_values": None}
    elif reader.accept("ADD", "ALLOWED_VALUES"):
        changes = {"allowed_values": list(dict.fromkeys([*(allowed or []), *_values(reader)]))}
    else:
        reader.expect("DROP")
        reader.expect("ALLOWED_VALUES")
        gone = _values(reader)
        changes = {"allowed_values": [value for value in allowed or [] if value not in gone]}
    reader.finish()
    session.catalog.update("tag", name, **changes)
    return Status()


@statement("DROP", "TAG")
def drop_tag(session: Session, found: Statement) -> Status:
    """A dropped tag is off every object that had it."""
    reader = found.after("DROP", "TAG")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "DROP TAG")
    reader.finish()
    with session.catalog.transaction():
        for reference in references_to(session.catalog, name):
            unset_tag(session.catalog, reference.on, name)
        dropped = session.catalog.delete("tag", name, if_exists=if_exists)
    if not dropped:
        return Status(f"Drop statement executed successfully ({name.name} already dropped).")
    return Status(f"{name.name} successfully dropped.")


@statement("SHOW", "TAGS")
def show_tags(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "TAGS"))
    return Rowset.of(_SHOWN, (_shown(document) for document in options.documents(session, "tag")))


def _shown(document: Document) -> dict[str, Any]:
    name, body = document.name, document.body
    allowed = body["allowed_values"]
    return {
        "created_on": document.created_on, "name": name.name, "database_name": name.database,
        "schema_name": name.schema, "owner": body["owner"], "comment": body["comment"],
        "allowed_values": None if allowed is None else json.dumps(allowed, separators=(",", ":")),
        "owner_role_type": "ROLE",
    }  # fmt: skip


# -- what is tagged


def tagged(session: Session, domain: str, name: str) -> Tagged:
    """Return what a function's (name, domain) arguments mean: views and dynamic tables are of the domain TABLE."""
    domain = domain.upper()
    parts = parse_name(name)
    if domain == "COLUMN":
        on = session.resolve(parts[:-1])
        return Tagged("TABLE", on, column=parts[-1])
    if domain in _ACCOUNT_DOMAINS:
        return Tagged(domain, ObjectName(None, None, parts[-1]))
    if domain == "SCHEMA":
        database, schema = session.resolve_schema(parts)
        return Tagged(domain, ObjectName(database, None, schema))
    return Tagged("TABLE" if domain in _TABLE_DOMAINS else domain, session.resolve(parts))


@scalar_function("SYSTEM$GET_TAG")
def get_tag(session: Session, arguments: Arguments) -> str | None:
    """The tag's value on the object, NULL if it is not set there."""
    tag = session.resolve(parse_name(arguments.require(0)))
    session.catalog.get("tag", tag)
    on = tagged(session, arguments.require(2), arguments.require(1))
    return next((r.value for r in tags_of(session.catalog, on) if r.tag == tag), None)


@table_function("INFORMATION_SCHEMA.TAG_REFERENCES")
def tag_references(session: Session, arguments: Arguments) -> Rowset:
    on = tagged(session, arguments.require(1, "OBJECT_DOMAIN"), arguments.require(0, "OBJECT_NAME"))
    return Rowset.of(_REFERENCES, (_referenced(reference) for reference in tags_of(session.catalog, on)))


def _referenced(reference: TagReference) -> dict[str, Any]:
    tag, on = reference.tag, reference.on
    return {
        "TAG_DATABASE": tag.database, "TAG_SCHEMA": tag.schema, "TAG_NAME": tag.name, "TAG_VALUE": reference.value,
        "LEVEL": on.domain, "OBJECT_DATABASE": on.name.database, "OBJECT_SCHEMA": on.name.schema,
        "OBJECT_NAME": on.name.name, "DOMAIN": on.domain, "COLUMN_NAME": on.column, "APPLY_METHOD": "MANUAL",
    }  # fmt: skip
