"""Statements and functions about the session itself: USE, SET, ALTER SESSION, transactions, CURRENT_...()."""

from __future__ import annotations

from mlops_embedded.catalog import ObjectName, normalize
from mlops_embedded.catalog.grants import Securable, privileges_on, roles_of
from mlops_embedded.errors import does_not_exist, not_authorized, syntax_error, unknown_here
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.functions import Arguments, literal, scalar_function, table_function
from mlops_embedded.sql.results import Column, Data, Rowset, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement

RELEASE = "10.10.0"


# -- where unqualified names point


@statement("USE")
def use_namespace(session: Session, found: Statement) -> Status:
    reader = found.after("USE")
    parts = reader.name()
    reader.finish()
    if len(parts) == 2:
        return _use_schema(session, *parts)
    return _use_database(session, parts[0])


@statement("USE", "DATABASE")
def use_database(session: Session, found: Statement) -> Status:
    [name] = _only_name(found.after("USE", "DATABASE"), 1)
    return _use_database(session, name)


@statement("USE", "SCHEMA")
def use_schema(session: Session, found: Statement) -> Status:
    parts = _only_name(found.after("USE", "SCHEMA"), 2)
    database = parts[0] if len(parts) == 2 else session.resolve_schema((parts[0],), "USE SCHEMA")[0]
    return _use_schema(session, database, parts[-1])


@statement("USE", "ROLE")
def use_role(session: Session, found: Statement) -> Status:
    [name] = _only_name(found.after("USE", "ROLE"), 1)
    session.catalog.get("role", ObjectName(None, None, name))
    allowed = session.roles
    if allowed is not None and name not in allowed:
        raise not_authorized(f"requested role '{name}' is not assigned to the executing user.")
    session.role = name
    return Status()


@statement("USE", "SECONDARY", "ROLES")
def use_secondary_roles(session: Session, found: Statement) -> Status:
    found.after("USE", "SECONDARY", "ROLES").identifier()
    return Status()


@statement("USE", "WAREHOUSE")
def use_warehouse(session: Session, found: Statement) -> Status:
    [name] = _only_name(found.after("USE", "WAREHOUSE"), 1)
    warehouse = session.catalog.get("warehouse", ObjectName(None, None, name))
    if not privileges_on(
        session.catalog, session.role, Securable("WAREHOUSE", warehouse.name), warehouse.body["owner"]
    ):
        raise does_not_exist("warehouse", name)
    session.warehouse = name
    return Status()


def _only_name(reader: Reader, parts: int) -> tuple[str, ...]:
    name = reader.name()
    reader.finish()
    if len(name) > parts:
        raise syntax_error(f"{'.'.join(name)} has too many parts")
    return name


def _use_database(session: Session, name: str) -> Status:
    session.catalog.get("database", ObjectName(None, None, name))
    public = session.catalog.find("schema", ObjectName(name, None, "PUBLIC"))
    session.use(name, "PUBLIC" if public else None)
    return Status()


def _use_schema(session: Session, database: str, schema: str) -> Status:
    session.catalog.get("database", ObjectName(None, None, database))
    if schema != "INFORMATION_SCHEMA":
        session.catalog.get("schema", ObjectName(database, None, schema))
    session.use(database, schema)
    return Status()


# -- parameters and variables


@statement("ALTER", "SESSION")
def alter_session(session: Session, found: Statement) -> Status:
    reader = found.after("ALTER", "SESSION")
    if reader.accept("UNSET"):
        while not reader.at_end:
            session.parameters.pop(reader.identifier(), None)
            reader.accept(",")
        return Status()
    reader.expect("SET")
    while not reader.at_end:
        name = reader.identifier()
        reader.expect("=")
        value = reader.value()
        reader.accept(",")
        if name == "AUTOCOMMIT":
            session.commit()
        session.parameters[name] = value
    return Status()


@statement("SET")
def set_variable(session: Session, found: Statement) -> Status:
    reader = found.after("SET")
    name = reader.identifier()
    reader.expect("=")
    session.variables[name] = _as_literal(session, reader.rest())
    return Status()


@statement("UNSET")
def unset_variable(session: Session, found: Statement) -> Status:
    reader = found.after("UNSET")
    session.variables.pop(reader.identifier(), None)
    reader.finish()
    return Status()


def _as_literal(session: Session, expression: str) -> str:
    return literal(session.scalar(f"SELECT {expression}"))


# -- transactions


@statement("START", "TRANSACTION")
def start_transaction(session: Session, found: Statement) -> Status:
    found.after("START", "TRANSACTION").finish()
    session.begin()
    return Status()


@statement("COMMIT")
def commit(session: Session, found: Statement) -> Status:
    _only_work(found.after("COMMIT"))
    session.commit()
    return Status()


@statement("ROLLBACK")
def rollback(session: Session, found: Statement) -> Status:
    _only_work(found.after("ROLLBACK"))
    session.rollback()
    return Status()


def _only_work(reader: Reader) -> None:
    reader.accept("WORK")
    reader.finish()


# -- functions


@scalar_function("CURRENT_DATABASE")
def current_database(session: Session, arguments: Arguments) -> object:
    return session.database


@scalar_function("CURRENT_SCHEMA")
def current_schema(session: Session, arguments: Arguments) -> object:
    return session.schema


@scalar_function("CURRENT_SCHEMAS")
def current_schemas(session: Session, arguments: Arguments) -> object:
    return [f"{session.database}.{session.schema}"] if session.schema else []


@scalar_function("CURRENT_ROLE")
def current_role(session: Session, arguments: Arguments) -> object:
    return session.role


@scalar_function("CURRENT_SECONDARY_ROLES")
def current_secondary_roles(session: Session, arguments: Arguments) -> object:
    return {"roles": "", "value": "ALL"}


@scalar_function("CURRENT_AVAILABLE_ROLES")
def current_available_roles(session: Session, arguments: Arguments) -> object:
    return sorted(session.roles or (role.name.name for role in session.catalog.list("role")))


@scalar_function("CURRENT_ROLE_TYPE")
def current_role_type(session: Session, arguments: Arguments) -> object:
    return "ROLE"


@scalar_function("IS_ROLE_IN_SESSION")
def is_role_in_session(session: Session, arguments: Arguments) -> object:
    """Whether the current role is this one, or inherits it."""
    return normalize(str(arguments.require(0))) in roles_of(session.catalog, session.role)


@scalar_function("CURRENT_WAREHOUSE")
def current_warehouse(session: Session, arguments: Arguments) -> object:
    return session.warehouse


@scalar_function("CURRENT_USER")
def current_user(session: Session, arguments: Arguments) -> object:
    return session.principal.user


@scalar_function("CURRENT_SESSION")
def current_session(session: Session, arguments: Arguments) -> object:
    return str(session.id)


@scalar_function("CURRENT_ACCOUNT")
@scalar_function("CURRENT_ACCOUNT_NAME")
def current_account(session: Session, arguments: Arguments) -> object:
    return "EMBEDDED"


@scalar_function("CURRENT_ORGANIZATION_NAME")
def current_organization(session: Session, arguments: Arguments) -> object:
    return "LOCAL"


@scalar_function("CURRENT_REGION")
def current_region(session: Session, arguments: Arguments) -> object:
    return "EMBEDDED_LOOPBACK"


@scalar_function("CURRENT_CLIENT")
def current_client(session: Session, arguments: Arguments) -> object:
    return session.parameters.get("CLIENT_APP_ID", "PythonConnector")


@scalar_function("CURRENT_VERSION")
def current_version(session: Session, arguments: Arguments) -> object:
    return RELEASE


@scalar_function("LAST_QUERY_ID")
def last_query_id(session: Session, arguments: Arguments) -> object:
    return session.last_query_id or None


@scalar_function("SYSTEM$CLIENT_VERSION_INFO")
def client_version_info(session: Session, arguments: Arguments) -> object:
    return []


@scalar_function("SYSTEM$GET_DEFAULT_PYTHON_ARTIFACT_REPOSITORY")
def default_artifact_repository(session: Session, arguments: Arguments) -> object:
    return None


@scalar_function("SYSTEM$CANCEL_ALL_QUERIES")
@scalar_function("SYSTEM$CANCEL_QUERY")
def cancel_queries(session: Session, arguments: Arguments) -> object:
    return "0 queries cancelled."


@table_function("RESULT_SCAN")
def result_scan(session: Session, arguments: Arguments) -> Rowset | Data:
    result = session.account.result(arguments.require(0))
    match result:
        case Rowset() | Data():
            return result
        case Status(message=message):
            return Rowset((Column("status"),), ((message,),))
        case _:
            raise unknown_here("RESULT_SCAN of a file transfer")
