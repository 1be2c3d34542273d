"""How a server runs containers: chosen when it starts, and kept in its state folder for the next start."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

PROCESS, CONTAINER = RUNTIMES = ("process", "container")
RUNTIME_VARIABLE, REGISTRY_VARIABLE = "MLOPS_EMBEDDED_RUNTIME", "MLOPS_EMBEDDED_REGISTRY"


class SettingsError(ValueError):
    """A setting that a server cannot be started with."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """`registry` is the host and port of a container registry on this machine, None if there is none."""

    runtime: str = PROCESS
    registry: str | None = None


def choose(
    file: Path, *, runtime: str | None, registry: str | None, environment: Mapping[str, str] = os.environ
) -> ServerSettings:
    """Return what was asked for, else what the environment says, else what was chosen the last time; write it down.

    Raises:
        SettingsError: there is no such runtime.
    """
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    settings = ServerSettings(
        runtime or environment.get(RUNTIME_VARIABLE) or kept.get("runtime") or PROCESS,
        registry or environment.get(REGISTRY_VARIABLE) or kept.get("registry"),
    )
    if settings.runtime not in RUNTIMES:
        said = f" (from {RUNTIME_VARIABLE})" if runtime is None and environment.get(RUNTIME_VARIABLE) else ""
        raise SettingsError(f"there is no runtime {settings.runtime!r}{said}: it is one of {', '.join(RUNTIMES)}")
    if asdict(settings) != kept:
        temporary = file.with_name(f"{file.name}.new")
        temporary.write_text(json.dumps(asdict(settings)), encoding="utf-8")
        temporary.replace(file)
    return settings
