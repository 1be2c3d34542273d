"""CREATE, ALTER, DROP and SHOW MODEL, SHOW VERSIONS and SHOW FUNCTIONS IN MODEL, COMMENT ON MODEL."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from mlops_embedded.catalog import ObjectName
from mlops_embedded.catalog.store import matches_like
from mlops_embedded.errors import already_exists, unknown_here
from mlops_embedded.ml.model_manifest import Method
from mlops_embedded.ml.models import (
    SYSTEM_ALIASES,
    Model,
    ModelVersion,
    Source,
    add_version,
    attributes,
    change_version,
    create_model,
    drop_model,
    drop_version,
    find_model,
    methods,
    model_spec,
    models,
    rename_model,
    version_folder,
)
from mlops_embedded.ml.show_versions import versions_of
from mlops_embedded.sql.access import require_in_schema
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.functions import Arguments, scalar_function
from mlops_embedded.sql.locations import resolve
from mlops_embedded.sql.properties import read_properties
from mlops_embedded.sql.results import Rowset, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show_options import read_show_options
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tag_clauses import alter_tags

_MODELS = {
    "created_on": "timestamp_ltz", "name": "text", "model_type": "text", "database_name": "text", "schema_name": "text",
    "comment": "text", "owner": "text", "default_version_name": "text", "versions": "text", "aliases": "text",
}  # fmt: skip
_VERSIONS = {
    "created_on": "timestamp_ltz", "name": "text", "aliases": "text", "comment": "text", "database_name": "text",
    "schema_name": "text", "model_name": "text", "is_default_version": "text", "functions": "text", "metadata": "text",
    "user_data": "text", "model_attributes": "text", "model_spec": "text", "size": "fixed", "runnable_in": "text",
    "inference_services": "text",
}  # fmt: skip
_FUNCTIONS = ("created_on", "name", "min_num_arguments", "max_num_arguments", "arguments", "return_type", "description")


@scalar_function("SYSTEM$ML_PLATFORM_CAPABILITIES")
def platform_capabilities(session: Session, arguments: Arguments) -> dict[str, Any]:
    """No optional feature of the server: the clients then package and call models in the documented way."""
    return {}


@statement("CREATE", "MODEL")
def create_model_statement(session: Session, found: Statement) -> Status:
    reader = found.after("CREATE", "MODEL")
    if_not_exists = reader.if_not_exists()
    name = session.resolve(reader.name(), "CREATE MODEL")
    require_in_schema(session, name, "CREATE MODEL")
    version = "V1"
    if reader.accept("WITH"):
        if reader.accept("LIVE"):
            raise unknown_here("live versions of models; log a model with files instead")
        reader.expect("VERSION")
        version = reader.identifier()
    source = _source(session, reader)
    reader.finish()
    if if_not_exists and session.catalog.find("model", name) is not None:
        return Status(f"{name.name} already exists, statement succeeded.")
    create_model(session, name, version, source, or_replace=found.or_replace)
    return Status(f"Model {name.name} successfully created.")


def _source(session: Session, reader: Reader) -> Source:
    """Read FROM @stage/path, or FROM MODEL m [VERSION v], to whose code the one who logged it keeps the right."""
    reader.expect("FROM")
    if not reader.accept("MODEL"):
        return Source(resolve(session, reader.location()).target, session.principal.user, session.principal.credential)
    model = find_model(session, session.resolve(reader.name(), "CREATE MODEL"))
    version = model.version(reader.identifier() if reader.accept("VERSION") else None)
    return Source(version_folder(session, model.name, version.name), version.user, version.credential)


@statement("ALTER", "MODEL")
def alter_model(session: Session, found: Statement) -> Status:
    reader = found.after("ALTER", "MODEL")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "ALTER MODEL")
    if if_exists and session.catalog.find("model", name) is None:
        return Status()
    model = find_model(session, name)
    if alter_tags(session, reader, model.tagged):
        pass
    elif reader.accept("SET"):
        _set(session, model, reader)
    elif reader.accept("RENAME", "TO"):
        new = session.resolve(reader.name(), "ALTER MODEL")
        reader.finish()
        rename_model(session, name, new)
    elif reader.accept("ADD", "VERSION"):
        version = reader.identifier()
        source = _source(session, reader)
        reader.finish()
        add_version(session, name, version, source)
    elif reader.accept("DROP", "VERSION"):
        version = reader.identifier()
        reader.finish()
        drop_version(session, name, version)
    elif reader.accept("MODIFY", "VERSION"):
        version = reader.identifier()
        reader.expect("SET")
        properties = read_properties(reader, {"COMMENT", "METADATA"})
        change_version(session, name, version, lambda m, v: m.with_version(replace(v, **properties)))
    elif reader.accept("VERSION"):
        _alias(session, name, reader)
    else:
        raise unknown_here(f"ALTER MODEL ... {reader.rest()!r}")
    return Status()


def _set(session: Session, model: Model, reader: Reader) -> None:
    properties = read_properties(reader, {"COMMENT", "DEFAULT_VERSION"})
    if "default_version" in properties:
        properties["default_version"] = model.version(str(properties["default_version"])).name
    session.catalog.update("model", model.name, **properties)


def _alias(session: Session, name: ObjectName, reader: Reader) -> None:
    version = reader.identifier()
    if reader.accept("UNSET", "ALIAS"):
        reader.finish()
        change_version(session, name, version, lambda m, v: m.with_version(replace(v, aliases=())))
        return
    reader.expect("SET", "ALIAS", "=")
    alias = reader.identifier()
    reader.finish()

    def with_alias(model: Model, wanted: ModelVersion) -> Model:
        taken = {v.name for v in model.versions} | {a for v in model.versions if v != wanted for a in v.aliases}
        if alias in SYSTEM_ALIASES or alias in taken:
            raise already_exists("alias", f"{alias} of model {name}")
        return model.with_version(replace(wanted, aliases=(alias,)))

    change_version(session, name, version, with_alias)


@statement("DROP", "MODEL")
def drop_model_statement(session: Session, found: Statement) -> Status:
    reader = found.after("DROP", "MODEL")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "DROP MODEL")
    reader.finish()
    if drop_model(session, name, if_exists=if_exists):
        return Status(f"{name.name} successfully dropped.")
    return Status(f"Drop statement executed successfully ({name.name} already dropped).")


@statement("COMMENT", "ON", "MODEL")
def comment_on_model(session: Session, found: Statement) -> Status:
    reader = found.after("COMMENT", "ON", "MODEL")
    name = session.resolve(reader.name(), "COMMENT")
    reader.expect("IS")
    comment = reader.string()
    reader.finish()
    session.catalog.update("model", name, comment=comment)
    return Status()


@statement("SHOW", "MODELS")
def show_models(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "MODELS"))
    listed = models(session, database=options.database, schema=options.schema)
    return Rowset.of(_MODELS, options.records(_shown(model) for model in listed))


def _shown(model: Model) -> dict[str, Any]:
    aliases = {"DEFAULT": model.default_version, "FIRST": model.versions[0].name, "LAST": model.versions[-1].name}
    aliases.update((alias, version.name) for version in model.versions for alias in version.aliases)
    return {
        "created_on": model.created_on, "name": model.name.name, "model_type": "USER_MODEL",
        "database_name": model.name.database, "schema_name": model.name.schema, "comment": model.comment,
        "owner": model.owner, "default_version_name": model.default_version,
        "versions": json.dumps([version.name for version in model.versions]), "aliases": json.dumps(aliases),
    }  # fmt: skip


@versions_of("MODEL")
def show_model_versions(session: Session, name: ObjectName, like: str | None) -> Rowset:
    model = find_model(session, name)
    listed = (version for version in model.versions if like is None or matches_like(version.name, like))
    return Rowset.of(_VERSIONS, (_shown_version(session, model, version) for version in listed))


def _shown_version(session: Session, model: Model, version: ModelVersion) -> dict[str, Any]:
    spec = model_spec(session, model, version)
    files = version_folder(session, model.name, version.name).rglob("*")
    builtin = [
        alias
        for alias, found in (
            ("DEFAULT", model.version(None)), ("FIRST", model.versions[0]), ("LAST", model.versions[-1])
        )
        if found == version
    ]  # fmt: skip
    return {
        "created_on": datetime.fromisoformat(version.created_on), "name": version.name,
        "aliases": json.dumps([*builtin, *version.aliases]), "comment": version.comment,
        "database_name": model.name.database, "schema_name": model.name.schema, "model_name": model.name.name,
        "is_default_version": "true" if version.name == model.default_version else "false",
        "functions": json.dumps([method.name for method in methods(session, model, version)]),
        "metadata": version.metadata, "user_data": "{}", "model_attributes": json.dumps(attributes(spec)),
        "model_spec": spec, "size": sum(file.stat().st_size for file in files if file.is_file()),
        "runnable_in": json.dumps(["WAREHOUSE"]), "inference_services": "[]",
    }  # fmt: skip


@statement("SHOW", "FUNCTIONS", "IN", "MODEL")
def show_functions(session: Session, found: Statement) -> Rowset:
    reader = found.after("SHOW", "FUNCTIONS", "IN", "MODEL")
    model = find_model(session, session.resolve(reader.name(), "SHOW FUNCTIONS"))
    version = model.version(reader.identifier() if reader.accept("VERSION") else None)
    reader.finish()
    listed = methods(session, model, version)
    columns = {column: "fixed" if column.endswith("_arguments") else "text" for column in _FUNCTIONS}
    columns["created_on"] = "timestamp_ltz"
    return Rowset.of(columns, (_shown_function(version, method) for method in listed))


def _shown_function(version: ModelVersion, method: Method) -> dict[str, Any]:
    types = ", ".join(argument.type for argument in method.arguments)
    return {
        "created_on": datetime.fromisoformat(version.created_on), "name": method.name,
        "min_num_arguments": len(method.inputs), "max_num_arguments": len(method.arguments),
        "arguments": f"{method.name}({types}) RETURN {method.return_type}", "return_type": method.return_type,
        "description": "User-defined function of a model",
    }  # fmt: skip
