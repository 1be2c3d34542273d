"""Hook implementations of the installed plugins, called one by one so that one that raises does not silence the others."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Sequence

import pluggy
from msgspec import Struct

from mlops.errors import PluginError, closest
from mlops.plugins import hookspecs
from mlops.plugins.knowledge import HookPlugin, Knowledge
from mlops.plugins.loading import load

SPECIFIED = tuple(name for name, value in vars(hookspecs).items() if callable(value) and hasattr(value, "mlops_spec"))


class HookError(Struct, frozen=True):
    """An observer that raised: which hook of which distribution, and what it raised. The run went on."""

    hook: str
    distribution: str
    problem: str
    detail: str = ""

    def __str__(self) -> str:
        return f"hook {self.hook} of {self.distribution}: {self.problem}"


def implemented(plugin: object) -> tuple[str, ...]:
    """Return the names of the hooks an object implements, misspelt ones left out.

    Raises:
        pluggy.PluginValidationError: an implementation asks for an argument that its hook does not have.
    """
    manager = _manager()
    manager.register(plugin)
    return tuple(name for name in SPECIFIED if any(one.plugin is plugin for one in _implementations(manager, name)))


def misspelt(plugin: object) -> list[tuple[str, str | None]]:
    """Return the implementations of an object that no hook asks for, each with the closest hook there is."""
    manager = _manager()
    names = (name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name) is not None)
    return [(name, closest(name, SPECIFIED)) for name in names if name not in SPECIFIED]


class Hooks:
    """The implementations of the hooks a process needs; only plugins that implement one of them are imported.

    Order is that of the distributions' names, and of the entry points within one; ``tryfirst`` and ``trylast`` move an
    implementation to the ends. Errors of observers are kept in ``errors``.
    """

    def __init__(self, known: Iterable[Knowledge], wanted: Sequence[str]) -> None:
        self.errors: list[HookError] = []
        self._manager: pluggy.PluginManager | None = None
        for knowledge in known:
            for plugin in knowledge.hooks:
                if set(plugin.hooks) & set(wanted):
                    self._register(plugin, knowledge.distribution)

    def observe(self, hook: str, **arguments: object) -> None:
        """Tell every implementation of an observer what happened. Nothing is raised; see ``errors``."""
        for distribution, implementation in self._each(hook):
            try:
                implementation.function(*(arguments[name] for name in implementation.argnames))
            except Exception as cause:  # an observer may raise anything, and a run goes on
                problem = f"{type(cause).__name__}: {cause}"
                self.errors.append(HookError(hook, distribution, problem, traceback.format_exc()))

    def provide(self, hook: str, **arguments: object) -> Iterator[tuple[str, object]]:
        """Yield the value that each distribution provides, with the distribution's name.

        Raises:
            PluginError: an implementation raised.
        """
        for distribution, implementation in self._each(hook):
            try:
                value = implementation.function(*(arguments[name] for name in implementation.argnames))
            except Exception as cause:  # a provider may raise anything, and what it provides is needed
                raise PluginError(
                    plugin=distribution,
                    problem=f"its hook {hook} raised {type(cause).__name__}: {cause}",
                    hint=f"mend it, or switch it off with MLOPS_DISABLE_PLUGINS={distribution}",
                ) from cause
            yield distribution, value

    def taken_errors(self) -> list[HookError]:
        """Return the errors of observers since the last call."""
        errors, self.errors = self.errors, []
        return errors

    def __bool__(self) -> bool:
        return self._manager is not None

    def _register(self, plugin: HookPlugin, distribution: str) -> None:
        if self._manager is None:
            self._manager = _manager()
        try:
            self._manager.register(load(plugin.value), name=f"{distribution}:{plugin.name}")
        except Exception as cause:  # as any import of a plugin
            raise PluginError(
                plugin=distribution,
                problem=f"{plugin.value} cannot be loaded: {type(cause).__name__}: {cause}",
                hint=f"mend it, or switch it off with MLOPS_DISABLE_PLUGINS={distribution}",
            ) from cause

    def _each(self, hook: str) -> Iterator[tuple[str, pluggy.HookImpl]]:
        if self._manager is None:
            return
        for implementation in _implementations(self._manager, hook):
            yield implementation.plugin_name.partition(":")[0], implementation


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("mlops")
    manager.add_hookspecs(hookspecs)
    return manager


def _implementations(manager: pluggy.PluginManager, hook: str) -> list[pluggy.HookImpl]:
    """Return the implementations of a hook in the order they are called: pluggy keeps the last called first."""
    found: list[pluggy.HookImpl] = getattr(manager.hook, hook).get_hookimpls()
    first = [one for one in found if one.tryfirst]
    last = [one for one in found if one.trylast]
    return [
        *reversed(first),
        *(one for one in found if not one.tryfirst and not one.trylast),
        *reversed(last),
    ]
