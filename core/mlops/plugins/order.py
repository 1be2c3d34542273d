"""The order in which implementations of a hook are called: known without importing any plugin.

By the name of the distribution, then of the entry point; those marked ``tryfirst`` come before all others, those marked
``trylast`` after them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from mlops.plugins.knowledge import HookPlugin, Knowledge

_RANKS = {"first": 0, "last": 2}


def call_order(known: Iterable[Knowledge], hook: str) -> tuple[tuple[str, str], ...]:
    """Return who implements a hook, as distribution and entry point, in the order they are called."""
    found = [
        (rank(plugin, hook), one.distribution, plugin.name)
        for one in known
        for plugin in one.hooks
        if hook in plugin.hooks
    ]
    return tuple((distribution, name) for _, distribution, name in sorted(found))


def rank(plugin: HookPlugin, hook: str) -> int:
    """Return where an implementation stands: 0 before all others, 1 among them, 2 after them."""
    return _RANKS.get(plugin.places.get(hook, ""), 1)


def policy_of(hook: str) -> Literal["provider", "observer", "guard"]:
    """Return the policy of a hook, which its name tells: see ``mlops.plugins.hookspecs``."""
    if hook.startswith(("register_", "provide_")):
        return "provider"
    return "guard" if hook.startswith("check_") else "observer"
