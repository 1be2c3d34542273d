"""Snowflake's account, as a deployment needs it, on snowflake-core: our values become its objects, its errors ours.

Nothing is decided here. SQL is used where the SDK has no call: service functions, which it cannot give a comment, and
resuming a whole graph at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from snowflake.connector.errors import Error as ConnectorError
from snowflake.connector.errors import InterfaceError, OperationalError
from snowflake.core.exceptions import (
    APIError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RetryTimeoutError,
    ServerError,
    UnauthorizedError,
)
from snowflake.core.exceptions import SnowflakePythonError as SdkError
from urllib3.exceptions import HTTPError

from mlops.compile.objects import (
    ComputePool,
    ImageRepository,
    Service,
    ServiceFunction,
    Stage,
    Task,
)
from mlops.deploy.account import BusyError, ExistsError, GraphRun, Held, ObjectT, UnreachableError
from mlops.deploy.ownership import Object
from mlops.errors import AccountError
from mlops.snowflake import objects
from mlops.snowflake.identifiers import quoted, stored
from mlops.snowflake.refusals import body, said
from mlops.snowflake.service_functions import create_function, drop_function, function_named, functions_in

if TYPE_CHECKING:
    from mlops.snowflake.session import SnowflakeSession

_EXISTS, _NOT_SUSPENDED = "002002", "091089"
_TRANSIENT = {429, 500, 502, 503, 504}


def account_on(session: SnowflakeSession, *, database: str, schema: str, width: int) -> SnowflakeAccount:
    """Return the account of a session, with as many connections kept open as calls are made at once.

    Raises:
        AccountError: Snowflake is out of reach, or refuses the connection.
    """
    keep_connections(width)
    with _refusals("the connection"):
        return SnowflakeAccount(session, database, schema)


def keep_connections(width: int) -> None:
    """Let snowflake-core keep this many connections open; without it each call above ten makes one of its own.

    The number is a field of its generated configuration, for which it offers no public way. Where a later version has it
    elsewhere, calls are slower and all else is the same.
    """
    with suppress(ImportError, AttributeError):
        from snowflake.core._generated.configuration import Configuration

        default = Configuration.get_default()
        default.connection_pool_maxsize = max(width, default.connection_pool_maxsize)


class SnowflakeAccount:
    """One role's view of a database and schema."""

    def __init__(self, session: SnowflakeSession, database: str, schema: str) -> None:
        self._session = session
        self._database, self._schema_name = database, schema
        self._root = session.root
        self._schema = self._root.databases[quoted(database)].schemas[quoted(schema)]
        role = session.connection.role
        self._role = stored(role) if role else None

    @property
    def role(self) -> str | None:
        return self._role

    def held(self, kind: type[ObjectT], prefix: str = "") -> Sequence[Held[ObjectT]]:
        with self._refusals(f"the list of {_words(kind)}s"):
            return [one for one in self._listed(kind, prefix) if one.value.name.startswith(prefix)]

    def find(self, kind: type[ObjectT], name: str) -> Held[ObjectT] | None:
        with suppress(_MissingError), self._refusals(f"{_words(kind)} {name}"):
            if issubclass(kind, ServiceFunction):
                function: Any = function_named(self._session, self._database, self._schema_name, name)
                return function  # type: ignore[no-any-return]  # it is one of that kind
            if issubclass(kind, ImageRepository):
                return next((one for one in self._listed(kind, name) if one.value.name == name), None)
            found: Held[ObjectT] = _HELD[kind](self._resource(kind, name).fetch())
            return found
        return None

    def create(self, wanted: Object, comment: str) -> None:
        with self._refusals(f"{_words(type(wanted))} {wanted.name} cannot be created"):
            if isinstance(wanted, ServiceFunction):
                create_function(self._session, self._database, self._schema_name, wanted, comment, replace=False)
            else:
                self._collection(type(wanted)).create(_SDK[type(wanted)](wanted, comment))

    def put(self, wanted: Object, comment: str) -> None:
        with self._refusals(f"{_words(type(wanted))} {wanted.name} cannot be changed"):
            if isinstance(wanted, ServiceFunction):
                create_function(self._session, self._database, self._schema_name, wanted, comment, replace=True)
            elif isinstance(
                wanted, (Stage, ImageRepository)
            ):  # the API has no way to alter them, nor have they what alters
                with suppress(ExistsError), self._refusals(wanted.name):
                    self._collection(type(wanted)).create(_SDK[type(wanted)](wanted, comment))
            else:
                self._resource(type(wanted), wanted.name).create_or_alter(_SDK[type(wanted)](wanted, comment))

    def drop(self, kind: type[Object], name: str) -> None:
        with suppress(_MissingError), self._refusals(f"{_words(kind)} {name} cannot be dropped"):
            if kind is ServiceFunction:
                drop_function(self._session, self._database, self._schema_name, name)
            else:
                self._resource(kind, name).drop(if_exists=True)

    def suspend(self, task: str) -> None:
        with self._refusals(f"task {task} cannot be suspended"):
            self._resource(Task, task).suspend()

    def resume(self, task: str) -> None:
        with self._refusals(f"task {task} cannot be resumed"):
            self._resource(Task, task).resume()

    def resume_graph(self, root: str) -> None:
        name = ".".join(map(quoted, (self._database, self._schema_name, root)))
        with self._refusals(f"the graph of {root} cannot be resumed"), self._session.connection.cursor() as cursor:
            cursor.execute("SELECT SYSTEM$TASK_DEPENDENTS_ENABLE(%s)", (name,))

    def runs(self, root: str) -> Sequence[GraphRun]:
        task = self._schema.tasks[quoted(root)]
        with suppress(_MissingError), self._refusals(f"the runs of {root}"):
            return [*map(_run, task.get_current_graphs()), *map(_run, task.get_complete_graphs(error_only=False))]
        return []

    def _listed(self, kind: type[Any], prefix: str) -> Iterator[Held[Any]]:  # Any: of the kind that is asked for
        if kind is ServiceFunction:
            yield from functions_in(self._session, self._database, self._schema_name, prefix)
        elif kind is Task:
            yield from map(_HELD[kind], self._schema.tasks.iter(starts_with=prefix or None))
        elif kind in (ComputePool, Service):
            yield from map(_HELD[kind], self._collection(kind).iter(starts_with=prefix or None))
        else:
            yield from map(_HELD[kind], self._collection(kind).iter(like=f"{prefix}%" if prefix else None))

    def _collection(self, kind: type[Any]) -> Any:  # Any: the SDK's collections share no type
        if kind is ComputePool:
            return self._root.compute_pools
        return getattr(self._schema, _COLLECTIONS[kind])

    def _resource(self, kind: type[Any], name: str) -> Any:  # Any: as above
        return self._collection(kind)[quoted(name)]

    @contextmanager
    def _refusals(self, what: str) -> Iterator[None]:
        with _refusals(what, f"{self._database}.{self._schema_name}"):
            yield


_COLLECTIONS: dict[type[Any], str] = {
    Task: "tasks",
    Stage: "stages",
    ImageRepository: "image_repositories",
    Service: "services",
}
_HELD: dict[type[Any], Callable[[Any], Held[Any]]] = {  # Any: the SDK's objects, and ours by kind
    Task: objects.held_task,
    ComputePool: objects.held_pool,
    Stage: objects.held_stage,
    ImageRepository: objects.held_repository,
    Service: objects.held_service,
}
_SDK: dict[type[Any], Callable[[Any, str], Any]] = {  # Any: as above
    Task: objects.sdk_task,
    ComputePool: objects.sdk_pool,
    Stage: objects.sdk_stage,
    ImageRepository: objects.sdk_repository,
    Service: objects.sdk_service,
}


def _words(kind: type[Any]) -> str:  # Any: a kind of object
    words = {"ComputePool": "compute pool", "ImageRepository": "image repository", "ServiceFunction": "function"}
    return words.get(kind.__name__, kind.__name__.lower())


def _run(run: Any) -> GraphRun:  # Any: the SDK's TaskRun
    return GraphRun(str(run.run_id), run.state, run.scheduled_time, run.first_error_task_name)


class _MissingError(AccountError):
    """Snowflake has no such object, or the role may not see it."""


@contextmanager
def _refusals(what: str, place: str = "") -> Iterator[None]:
    """Turn what Snowflake's packages raise into our errors, with what was asked for."""
    try:
        yield
    except NotFoundError as cause:
        raise _MissingError(
            f"{what}: {said(cause)}" + (f" ({place})" if place else ""),
            hint="check the target's database and schema, and what the role may see: mlops doctor",
        ) from cause
    except ConflictError as cause:
        kind = ExistsError if _code(cause) == _EXISTS or "already exists" in said(cause) else BusyError
        raise kind(f"{what}: {said(cause)}", hint="the graph is being changed elsewhere: try again") from cause
    except (ForbiddenError, UnauthorizedError) as cause:
        raise AccountError(f"{what}: {said(cause)}", hint="mlops grants prints the privileges a role needs") from cause
    except ServerError as cause:
        raise UnreachableError(f"{what}: {said(cause)}") from cause
    except APIError as cause:
        if _code(cause) == _NOT_SUSPENDED or "is not suspended" in said(cause):
            raise BusyError(f"{what}: {said(cause)}", hint="the graph is being changed elsewhere: try again") from cause
        if cause.status in _TRANSIENT or not cause.status:
            raise UnreachableError(f"{what}: {said(cause)}") from cause
        raise AccountError(f"{what}: {said(cause)}") from cause
    except (RetryTimeoutError, OperationalError, InterfaceError) as cause:
        raise UnreachableError(f"{what}: {said(cause)}") from cause
    except (HTTPError, OSError) as cause:
        raise UnreachableError(
            f"{what}: Snowflake does not answer ({type(cause).__name__})",
            hint="check the network and the account's host",
        ) from cause
    except (SdkError, ConnectorError) as cause:
        raise AccountError(f"{what}: {said(cause)}") from cause


def _code(cause: Exception) -> str:
    told = body(cause)
    return str(told.get("error_code") or told.get("code") or "")
