"""What to check of a plugin, as it is handed to the process that checks."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field


class Request(Struct, frozen=True):
    """What to check. ``run`` false leaves its nodes unrun; ``seconds`` bounds each rehearsal of them."""

    plugin: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    run: bool = True
    embedded: bool = True
    seconds: float = 300.0
