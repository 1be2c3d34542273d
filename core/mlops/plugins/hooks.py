"""Hook implementations of the installed plugins, called one by one so that one that raises does not silence the others."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

import pluggy
from msgspec import Struct

from mlops.errors import MlopsError, PluginError, closest
from mlops.plugins import hookspecs
from mlops.plugins.knowledge import HookPlugin, Knowledge
from mlops.plugins.loading import load
from mlops.plugins.time_limit import Hung, TimeLimit

SPECIFIED = tuple(name for name, value in vars(hookspecs).items() if callable(value) and hasattr(value, "mlops_spec"))


class HookError(Struct, frozen=True):
    """An observer that raised: which hook of which distribution, and what it raised. The run went on."""

    hook: str
    distribution: str
    problem: str
    detail: str = ""

    def __str__(self) -> str:
        return f"hook {self.hook} of {self.distribution}: {self.problem}"


class Objection(Struct, frozen=True):
    """What a guard has against something: which hook of which distribution, what is wrong, and how to mend it."""

    hook: str
    distribution: str
    problem: str
    hint: str | None = None


def implemented(plugin: object) -> dict[str, Literal["first", "last"] | None]:
    """Return the hooks an object implements, misspelt ones left out, each with its place where that is not by name.

    Raises:
        pluggy.PluginValidationError: an implementation asks for an argument that its hook does not have.
    """
    manager = _manager()
    manager.register(plugin)
    return {
        name: "first" if one.tryfirst else "last" if one.trylast else None
        for name in SPECIFIED
        for one in _implementations(manager, name)
        if one.plugin is plugin
    }


def misspelt(plugin: object) -> list[tuple[str, str | None]]:
    """Return the implementations of an object that no hook asks for, each with the closest hook there is."""
    manager = _manager()
    names = (name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name) is not None)
    return [(name, closest(name, SPECIFIED)) for name in names if name not in SPECIFIED]


class Hooks:
    """The implementations of the hooks a process needs; only plugins that implement one of them are imported.

    Order is that of ``mlops.plugins.order``. Errors of observers are kept in ``errors``.
    """

    def __init__(self, known: Iterable[Knowledge], wanted: Sequence[str], *, seconds: float = 10.0) -> None:
        """``seconds`` is how long an observer may take; one that takes longer is not called again."""
        self.errors: list[HookError] = []
        self._manager: pluggy.PluginManager | None = None
        self._limit = TimeLimit(seconds)
        self._hung: set[str] = set()
        for knowledge in known:
            for plugin in knowledge.hooks:
                if set(plugin.hooks) & set(wanted):
                    self._register(plugin, knowledge.distribution)

    def observe(self, hook: str, **arguments: object) -> None:
        """Tell every implementation of an observer what happened. Nothing is raised; see ``errors``."""
        for distribution, implementation in self._each(hook):
            if distribution in self._hung:
                continue
            asked = [arguments[name] for name in implementation.argnames]
            try:
                self._limit.call(partial(implementation.function, *asked))
            except Hung as cause:
                self._hung.add(distribution)
                self.errors.append(HookError(hook, distribution, f"{cause}; its observers are not called again"))
            except Exception as cause:  # an observer may raise anything, and a run goes on
                problem = f"{type(cause).__name__}: {cause}"
                self.errors.append(HookError(hook, distribution, problem, traceback.format_exc()))

    def objections(self, hook: str, **arguments: object) -> list[Objection]:
        """Ask every implementation of a guard, also after one that objects, and return what they have against it.

        One that raises, or returns something else than text, objects as well: what could not be checked does not pass.
        """
        found: list[Objection] = []
        for distribution, implementation in self._each(hook):
            try:
                answer: Any = implementation.function(
                    *(arguments[name] for name in implementation.argnames)
                )  # Any: checked below
                texts = [answer] if isinstance(answer, str) else list(answer or ())
                if wrong := [one for one in texts if not isinstance(one, str)]:
                    raise TypeError(f"a guard returns texts or nothing, not {type(wrong[0]).__name__}")
                found += [Objection(hook, distribution, text) for text in texts]
            except MlopsError as cause:
                found.append(Objection(hook, distribution, cause.message, cause.hint))
            except Exception as cause:  # a guard may raise anything
                hint = f"mend {distribution}, or switch it off with MLOPS_DISABLE_PLUGINS={distribution}"
                problem = f"its hook {hook} raised {type(cause).__name__}: {cause}"
                found.append(Objection(hook, distribution, problem, hint))
        return found

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
    """Return the implementations of a hook in the order they are called; they were registered in that of their names.

    pluggy keeps those marked ``trylast`` in front, the last registered first.
    """
    found: list[pluggy.HookImpl] = getattr(manager.hook, hook).get_hookimpls()
    return [
        *(one for one in found if one.tryfirst),
        *(one for one in found if not one.tryfirst and not one.trylast),
        *reversed([one for one in found if one.trylast]),
    ]
