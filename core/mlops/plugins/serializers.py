"""The serializers of a process: the built-in ones and those that plugins register."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from mlops.errors import PluginError
from mlops.plugins.knowledge import SERIALIZERS, implementing

if TYPE_CHECKING:
    from mlops.datasets.serializers import Serializer, Serializers
    from mlops.plugins.knowledge import Knowledge


def serializers_of(
    known: Iterable[Knowledge],
    *,
    allow_pickle: bool = False,
    session: Callable[[], Any] | None = None,  # Any: snowflake.snowpark.Session, or None
) -> Serializers:
    """Return the built-in serializers and those of the plugins, importing only plugins that register some.

    ``session`` gives the session that table datasets are kept with.

    Raises:
        PluginError: a plugin's hook raises, returns something else than serializers, or stores a type that another
            plugin stores, too.
    """
    from mlops.datasets import serializers

    known = implementing(known, (SERIALIZERS,))
    if not known:
        return serializers.builtin(allow_pickle=allow_pickle, session=session)
    from mlops.plugins.hooks import Hooks

    extra: list[tuple[str, Serializer]] = []
    for distribution, offered in Hooks(known, (SERIALIZERS,)).provide(SERIALIZERS):
        if not isinstance(offered, Iterable):
            raise PluginError(plugin=distribution, problem="register_serializers returned no list")
        extra.extend((distribution, one) for one in offered)
    return serializers.builtin(extra, allow_pickle=allow_pickle, session=session)
