"""Datasets: named versions of a query's rows, each written once as Parquet files and never changed.

A version's files are at snow://dataset/<name>/versions/<version>/; version names are case sensitive.
"""

from __future__ import annotations

import shutil
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.catalog.store import matches_like
from mlops_embedded.catalog.tags import Tagged, untag
from mlops_embedded.errors import SnowflakeError, invalid_value, syntax_error, unknown_here
from mlops_embedded.ml.show_versions import versions_of
from mlops_embedded.sql.access import require_in_schema
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.locations import Location, inner_path, snow_location, split_name
from mlops_embedded.sql.properties import read_properties
from mlops_embedded.sql.results import Data, Rowset, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show_options import read_show_options
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tag_clauses import alter_tags
from mlops_embedded.state import folder_name, object_folder

_SHOWN = {
    "created_on": "timestamp_ltz", "name": "text", "database_name": "text", "schema_name": "text", "owner": "text",
    "comment": "text", "versions": "text", "owner_role_type": "text",
}  # fmt: skip
_VERSIONS = {"created_on": "timestamp_ltz", "version": "text", "comment": "text", "metadata": "text"}
_FILE, _NULL_FOLDER = "data_0_0_0.snappy.parquet", "_NULL_"


@statement("CREATE", "DATASET")
def create_dataset(session: Session, found: Statement) -> Status:
    reader = found.after("CREATE", "DATASET")
    if_not_exists = reader.if_not_exists()
    name = session.resolve(reader.name(), "CREATE DATASET")
    require_in_schema(session, name, "CREATE DATASET")
    session.catalog.get("schema", ObjectName(name.database, None, name.schema or ""))
    properties = read_properties(reader, {"COMMENT"})
    document = Document("dataset", name, {"owner": session.role, "comment": "", "versions": {}, **properties})
    if not session.catalog.create(document, or_replace=found.or_replace, if_not_exists=if_not_exists):
        return Status(f"{name.name} already exists, statement succeeded.")
    shutil.rmtree(_folder(session, name), ignore_errors=True)
    return Status(f"Dataset {name.name} successfully created.")


@statement("DROP", "DATASET")
def drop_dataset(session: Session, found: Statement) -> Status:
    reader = found.after("DROP", "DATASET")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "DROP DATASET")
    reader.finish()
    with session.catalog.transaction():
        dropped = session.catalog.delete("dataset", name, if_exists=if_exists)
        untag(session.catalog, Tagged("DATASET", name))
    if not dropped:
        return Status(f"Drop statement executed successfully ({name.name} already dropped).")
    shutil.rmtree(_folder(session, name), ignore_errors=True)
    return Status(f"{name.name} successfully dropped.")


@statement("SHOW", "DATASETS")
def show_datasets(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "DATASETS"))
    return Rowset.of(_SHOWN, (_shown(document) for document in options.documents(session, "dataset")))


def _shown(document: Document) -> dict[str, Any]:
    return {
        "created_on": document.created_on, "name": document.name.name, "database_name": document.name.database,
        "schema_name": document.name.schema, "owner": document.body["owner"], "comment": document.body["comment"],
        "versions": list(document.body["versions"]), "owner_role_type": "ROLE",
    }  # fmt: skip


@versions_of("DATASET")
def dataset_versions(session: Session, name: ObjectName, like: str | None) -> Rowset:
    document = session.catalog.find("dataset", name)
    if document is None:
        # the number by which the client knows that it is the dataset that is missing
        raise _missing(name, code="002043")
    records = (
        {**facts, "version": version, "created_on": datetime.fromtimestamp(facts["created_on"], timezone.utc)}
        for version, facts in document.body["versions"].items()
        if like is None or matches_like(version, like)
    )
    return Rowset.of(_VERSIONS, records)


@statement("ALTER", "DATASET")
def alter_dataset(session: Session, found: Statement) -> Status:
    reader = found.after("ALTER", "DATASET")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "ALTER DATASET")
    document = session.catalog.find("dataset", name)
    if document is None:
        if if_exists:
            return Status()
        raise _missing(name, code="399019")
    if alter_tags(session, reader, Tagged("DATASET", name)):
        return Status()
    if reader.accept("SET", "COMMENT", "="):
        comment = reader.string()
        reader.finish()
        session.catalog.update("dataset", name, comment=comment)
        return Status()
    if reader.accept("DROP", "VERSION"):
        version = reader.string()
        reader.finish()
        return _drop_version(session, name, version)
    reader.expect("ADD")
    reader.expect("VERSION")
    return _add_version(session, reader, document)


def _add_version(session: Session, reader: Reader, document: Document) -> Status:
    name, version = document.name, reader.string()
    if not version:
        raise invalid_value("a dataset's version has no empty name")
    if version in document.body["versions"]:
        raise _version_exists(name, version)
    reader.expect("FROM")
    inside = reader.parenthesised()
    if not inside:
        raise syntax_error("ADD VERSION ... FROM () has no query")
    query = reader.text_of(inside)
    partition = _partition(reader)
    properties = read_properties(reader, {"COMMENT", "METADATA"})
    facts = {
        "created_on": datetime.now(timezone.utc).timestamp(),
        "comment": properties.get("comment"),
        "metadata": properties.get("metadata"),
    }
    folder = _folder(session, name)
    unfinished = folder / f".unfinished-{uuid.uuid4().hex}"
    try:
        _write(session, query, partition, unfinished)
        with session.catalog.transaction():
            versions = session.catalog.get("dataset", name).body["versions"]
            if version in versions:
                raise _version_exists(name, version)
            # files of this name can only be left of a server that was killed right here
            shutil.rmtree(_version_folder(folder, version), ignore_errors=True)
            unfinished.rename(_version_folder(folder, version))
            session.catalog.update("dataset", name, versions={**versions, version: facts})
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Status(f"Version {version} successfully added to dataset {name.name}.")


def _partition(reader: Reader) -> str | None:
    """Read PARTITION BY <expression>, which ends where COMMENT = or METADATA = begins."""
    if not reader.accept("PARTITION", "BY"):
        return None
    expression = [reader.next()]
    while (token := reader.peek()) is not None:
        following = reader.peek(1)
        if following is not None and following.is_symbol("=") and token.text.upper() in {"COMMENT", "METADATA"}:
            break
        expression.append(reader.next())
    return reader.text_of(tuple(expression))


def _write(session: Session, query: str, partition: str | None, folder: Path) -> None:
    """Write the query's rows as one Parquet file, or one in a folder for each value of the partition."""
    key = f"_PARTITION_{uuid.uuid4().hex}"
    sql = query if partition is None else f'SELECT *, TO_VARCHAR({partition}) AS "{key}" FROM ({query})'
    result = session.execute(sql)
    if not isinstance(result, Data):
        raise unknown_here("a dataset's version from a statement that is no query")
    folder.mkdir(parents=True)
    if partition is None:
        _write_file(result.table, folder / _FILE)
        return
    rows = result.table.drop_columns([key])
    keys = result.table.column(key)
    for value in pc.unique(keys).to_pylist():
        chosen = pc.is_null(keys) if value is None else pc.fill_null(pc.equal(keys, value), False)
        _write_file(rows.filter(chosen), folder / (_NULL_FOLDER if value is None else inner_path(value)) / _FILE)


def _write_file(rows: pa.Table, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(rows, file, compression="snappy")


def _drop_version(session: Session, name: ObjectName, version: str) -> Status:
    with session.catalog.transaction():
        versions = session.catalog.get("dataset", name).body["versions"]
        if version not in versions:
            raise _no_version(name, version)
        session.catalog.update("dataset", name, versions={v: f for v, f in versions.items() if v != version})
    shutil.rmtree(_version_folder(_folder(session, name), version), ignore_errors=True)
    return Status(f"Version {version} successfully dropped.")


@snow_location("dataset")
def dataset_location(session: Session, rest: str) -> Location:
    """Resolve `D.S.NAME/versions/v1/path`: the files of one version."""
    parts, path = split_name(rest)
    name = session.resolve(parts)
    document = session.catalog.get("dataset", name)
    first, _, behind = path.partition("/")
    version, _, inside = behind.partition("/")
    if first != "versions" or not version:
        raise syntax_error(f"snow://dataset/{rest} names no version: write snow://dataset/<name>/versions/<version>/")
    if version not in document.body["versions"]:
        raise _no_version(name, version)
    folder = _version_folder(_folder(session, name), version)
    return Location(folder, inside, f"versions/{version}/", writable=False)


def _folder(session: Session, name: ObjectName) -> Path:
    return object_folder(session.account.state.datasets, name)


def _version_folder(folder: Path, version: str) -> Path:
    return folder / folder_name(version)


# The numbers are those that snowflake-ml-python tells these cases apart by (dataset_errors.py).


def _missing(name: ObjectName, *, code: str) -> SnowflakeError:
    message = f"Dataset '{name}' does not exist or not authorized."
    return SnowflakeError(message, code=code, sqlstate="02000", http_status=404)


def _no_version(name: ObjectName, version: str) -> SnowflakeError:
    message = f"Version '{version}' of dataset '{name}' does not exist."
    return SnowflakeError(message, code="399012", sqlstate="02000", http_status=404)


def _version_exists(name: ObjectName, version: str) -> SnowflakeError:
    message = f"Version '{version}' of dataset '{name}' already exists."
    return SnowflakeError(message, code="399020", sqlstate="42710", http_status=409)
