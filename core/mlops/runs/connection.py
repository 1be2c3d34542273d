"""The connection of a process: what its session with Snowflake is made from, and where that comes from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from mlops.container.detection import Detection, detect_container
from mlops.container.variables import credentials_given, place_given
from mlops.errors import PluginError, RunError, UsageError
from mlops.plugins.knowledge import Knowledge, implementing

if TYPE_CHECKING:
    from mlops.configuration.settings import Settings
    from mlops.configuration.targets import Target
    from mlops.nodes import Node

PROVIDER = "provide_connection"
_PACKAGES = {"feature_store": "snowflake.ml", "model_registry": "snowflake.ml"}
INHERITED = "inherited"


class Connection(Struct, frozen=True):
    """Keyword arguments of ``snowflake.connector.connect``, and how they authenticate.

    ``token_file`` is read anew at every connect. ``fallback`` is what is used when this one is refused. The parameters
    may hold a credential: a connection is never recorded or printed.
    """

    auth_mode: str
    parameters: Mapping[str, Any] = field(default_factory=dict)  # Any: see snowflake.connector.connect
    token_file: str | None = None
    fallback: Connection | None = None

    def __repr__(self) -> str:
        return f"Connection({self.auth_mode!r})"


class ConnectionChoice(Struct, frozen=True):
    """Where a process takes its connection from. ``auth_mode`` is what records say, ``reason`` why it was chosen."""

    auth_mode: str
    reason: str = ""
    connection: Connection | None = None
    known: tuple[Knowledge, ...] = ()
    folder: str = ""
    place: Mapping[str, str] = field(default_factory=dict)

    def open(self, stack: ExitStack) -> Connection | None:
        """Return the connection, and let ``stack`` end what had to be started for it; None for a run without services.

        Raises:
            PluginError: the plugin that offers it raises.
        """
        if self.connection is not None or not self.known:
            return self.connection
        from mlops.plugins.hooks import Hooks

        for distribution, offered in Hooks(self.known, (PROVIDER,)).provide(PROVIDER, folder=self.folder):
            try:
                parameters: Mapping[str, Any] = stack.enter_context(offered)  # type: ignore[arg-type]  # checked here
                return Connection(self.auth_mode, {**parameters, **self.place})
            except Exception as cause:  # a provider may raise anything
                raise PluginError(
                    plugin=distribution,
                    problem=f"it cannot provide a connection: {type(cause).__name__}: {cause}",
                    hint="run without services: --services none",
                ) from cause
        return None


def choose_connection(
    settings: Settings,
    nodes: Sequence[Node],
    known: Iterable[Knowledge],
    *,
    name: str | None = None,
    tables: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> ConnectionChoice:
    """Return where a run of these nodes takes its connection from; nowhere when none asks for a service.

    ``tables`` says that one of the inputs is a table of Snowflake. ``name`` is a section of connections.toml that the command line gives.

    Raises:
        RunError, UsageError: see ``connection_for``.
    """
    services = settings.chosen_services
    if services == "none" or not (tables or any(node.services or node.storage for node in nodes)):
        return ConnectionChoice("none", "no node asks for a service" if services != "none" else "services are none")
    if services == "embedded" and name is None:
        return _embedded(settings, known, "services are embedded") or _refuse_embedded()
    return _chosen(settings, known, name, environ, detect_container(environ)) or ConnectionChoice("none", _NOWHERE)


def check_packages(nodes: Iterable[Node]) -> None:
    """Check, without importing them, that Snowflake's packages are there which the nodes' services are made of.

    Raises:
        RunError: one is missing.
    """
    for node in nodes:
        asked = [*node.services, *("a table of Snowflake" for storage in node.storage.values() if storage == "table")]
        for what in asked:
            package = _PACKAGES.get(what, "snowflake.snowpark")
            if not _installed(package):
                raise RunError(
                    f"node {node.name!r} asks for {what}, and {package} is not installed",
                    hint="pip install 'mlops-framework[snowflake]', or run without services: --services none",
                )


def _installed(package: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # nothing of Snowflake is there
        return False


def connection_for(
    settings: Settings,
    known: Iterable[Knowledge],
    *,
    name: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> ConnectionChoice:
    """Return the connection to the target of the settings, for commands that cannot do without one.

    In this order: the name that the command line gives; the embedded Snowflake where ``services`` say so; in a container
    the inherited session, with explicit credentials to fall back on; the connection that the target names; variables
    ``SNOWFLAKE_*``; the plugin that provides one.

    Raises:
        RunError: there is none, or ``auth`` rules out what there is.
        UsageError: a name is given where ``auth`` lets only the inherited session be used.
    """
    if name is None and settings.chosen_services == "embedded":
        return _embedded(settings, known, "services are embedded") or _refuse_embedded()
    choice = _chosen(settings, known, name, environ, detect_container(environ))
    if choice is None:
        target = settings.chosen_target
        raise RunError(
            f"target {target.name!r} has no connection",
            hint=f"name one in [tool.mlops.targets.{target.name}] connection = ..., give -c NAME, set SNOWFLAKE_ACCOUNT "
            "and how to log in, or pip install mlops-embedded",
        )
    return choice


def _chosen(
    settings: Settings,
    known: Iterable[Knowledge],
    name: str | None,
    environ: Mapping[str, str],
    around: Detection,
) -> ConnectionChoice | None:
    target = settings.chosen_target
    if settings.auth == INHERITED:
        if name is not None:
            raise UsageError(
                f"connection {name!r} is given, and auth is inherited", hint="leave out -c, or unset MLOPS_AUTH"
            )
        return _inherited(around, environ, "auth is inherited", None)
    explicit = _explicit(target, name, environ)
    if name is not None:
        return explicit
    if around.container and settings.auth == "auto":
        return _inherited(around, environ, around.reason, explicit)
    if explicit is not None:
        return explicit
    if settings.auth == "explicit":
        raise RunError(
            "auth is explicit, and neither the target nor SNOWFLAKE_* says how to log in",
            hint="name a connection in the target, give -c NAME, or set SNOWFLAKE_ACCOUNT and how to log in",
        )
    return _embedded(settings, known, "the target names no connection")


def _inherited(
    around: Detection, environ: Mapping[str, str], reason: str, fallback: ConnectionChoice | None
) -> ConnectionChoice:
    parameters = {**place_given(environ), "authenticator": "oauth"}
    connection = Connection(INHERITED, parameters, around.token_file)
    if fallback is not None:
        connection = replace(connection, fallback=fallback.connection)
    return ConnectionChoice(INHERITED, reason, connection)


def _explicit(target: Target, name: str | None, environ: Mapping[str, str]) -> ConnectionChoice | None:
    place = _place(target)
    if section := name or target.connection:
        mode = f"connection {section}"
        why = "it is given with -c" if name else f"target {target.name!r} names it"
        return ConnectionChoice(mode, why, Connection(mode, {"connection_name": section, **place}))
    parameters = credentials_given(environ)
    if parameters is None:
        return None
    mode = f"connection {parameters['connection_name']}" if "connection_name" in parameters else "variables SNOWFLAKE_*"
    return ConnectionChoice(mode, "variables SNOWFLAKE_* say how to log in", Connection(mode, {**parameters, **place}))


def _embedded(settings: Settings, known: Iterable[Knowledge], reason: str) -> ConnectionChoice | None:
    providers = implementing(known, (PROVIDER,))
    if not providers:
        return None
    return ConnectionChoice(
        "embedded", reason, known=providers[:1], folder=settings.data, place=_place(settings.chosen_target)
    )


def _refuse_embedded() -> ConnectionChoice:
    raise RunError(
        "no installed plugin provides an embedded Snowflake", hint="pip install mlops-embedded, or --services none"
    )


def _place(target: Target) -> dict[str, str]:
    given = {name: getattr(target, name) for name in ("database", "schema", "warehouse", "role")}
    return {name: value for name, value in given.items() if value is not None}


_NOWHERE = (
    "there is no container, no connection in the target, no SNOWFLAKE_* to log in with, and no embedded Snowflake"
)
