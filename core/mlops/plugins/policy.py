"""Which plugins may be imported at all: allow list, block list and strict mode, decided before any import."""

from __future__ import annotations

from msgspec import Struct


class Policy(Struct, frozen=True):
    """What the project and its environment say of plugins.

    ``allow`` is None when every installed plugin may be used, and empty when none may. Entries are names of
    distributions, with ``*`` for any text. ``strict`` makes one broken plugin an error of every command that looks at
    plugins. ``seconds`` is how long looking at one distribution may take, ``hook_seconds`` how long an observer may.
    """

    allow: tuple[str, ...] | None = None
    block: tuple[str, ...] = ()
    strict: bool = False
    seconds: float = 30.0
    hook_seconds: float = 10.0

    def allows(self, distribution: str) -> bool:
        """Tell whether a distribution may be imported."""
        return self.why_not(distribution) is None

    def why_not(self, distribution: str) -> str | None:
        """Return why a distribution may not be imported, or None if it may."""
        if self.allow is None and not self.block:
            return None
        from fnmatch import fnmatchcase

        from mlops.plugins.distributions import normalized

        name = normalized(distribution)
        if any(fnmatchcase(name, normalized(entry)) for entry in self.block):
            return "it is on the block list"
        if self.allow is not None and not any(fnmatchcase(name, normalized(entry)) for entry in self.allow):
            return "it is not on the allow list"
        return None
