"""The connection of a run: what its services are made from, and where that comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from mlops.errors import PluginError, RunError
from mlops.plugins.knowledge import Knowledge, implementing

if TYPE_CHECKING:
    from mlops.nodes import Node
    from mlops.settings import Settings

PROVIDER = "provide_connection"


class Connection(Struct, frozen=True):
    """Keyword arguments of ``snowflake.connector.connect``, and how they authenticate.

    The parameters may hold a credential: a connection is never recorded or printed.
    """

    auth_mode: str
    parameters: Mapping[str, Any] = field(default_factory=dict)  # Any: see snowflake.connector.connect

    def __repr__(self) -> str:
        return f"Connection({self.auth_mode!r})"


class ConnectionChoice(Struct, frozen=True):
    """Where a run takes its connection from. ``auth_mode`` is what its record says."""

    auth_mode: str
    known: tuple[Knowledge, ...] = ()
    name: str | None = None
    folder: str = ""

    def open(self, stack: ExitStack) -> Connection | None:
        """Return the connection, and let ``stack`` end what had to be started for it; None for a run without services.

        Raises:
            PluginError: the plugin that offers it raises.
        """
        if self.name is not None:
            return Connection(self.auth_mode, {"connection_name": self.name})
        if not self.known:
            return None
        from mlops.plugins.hooks import Hooks

        for distribution, offered in Hooks(self.known, (PROVIDER,)).provide(PROVIDER, folder=self.folder):
            try:
                return Connection(self.auth_mode, stack.enter_context(offered))  # type: ignore[arg-type]  # checked here
            except Exception as cause:  # a provider may raise anything
                raise PluginError(
                    plugin=distribution,
                    problem=f"it cannot provide a connection: {type(cause).__name__}: {cause}",
                    hint="run without services: --services none",
                ) from cause
        return None


def choose_connection(settings: Settings, nodes: Sequence[Node], known: Iterable[Knowledge]) -> ConnectionChoice:
    """Return where a run of these nodes takes its connection from.

    No node asks for a service, or the choice is ``none``: nowhere. The target names a connection: from there. Else from
    the plugin that provides one, such as mlops-embedded, where one is installed.

    Raises:
        RunError: ``embedded`` is chosen, and no plugin provides a connection.
    """
    target = settings.chosen_target
    given = settings.origins.get("services") != "default"
    services = settings.services if given or target.services is None else target.services
    if services == "none" or not any(node.services for node in nodes):
        return ConnectionChoice("none")
    if target.connection is not None and services == "auto":
        return ConnectionChoice(f"connection {target.connection}", name=target.connection)
    providers = implementing(known, (PROVIDER,))
    if providers:
        return ConnectionChoice("embedded", known=providers[:1], folder=settings.data)
    if services == "embedded":
        raise RunError(
            "no installed plugin provides an embedded Snowflake", hint="pip install mlops-embedded, or --services none"
        )
    return ConnectionChoice("none")
