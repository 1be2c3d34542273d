"""The run of a node that is served: no task starts it, so its parameters are in a variable and its id is the service's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import DecodeError, ValidationError, json

from mlops.errors import SettingsError

PARAMETERS = "MLOPS_PARAMETERS"
"""The variable that a service's specification has in place of a CONFIG."""

SERVICE = "service-"
"""How the id of such a run begins."""


class ServiceRun:
    """Answers as the run of a task does, from the variables of a service."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def identity(self) -> tuple[str, Mapping[str, Any]]:  # Any: JSON
        """Return the name of the service, and the parameters, flat as in a CONFIG.

        Raises:
            SettingsError: the variable is no JSON object.
        """
        try:
            config = json.decode(self._environ[PARAMETERS], type=dict[str, Any])
        except (DecodeError, ValidationError) as cause:
            raise SettingsError(
                place=PARAMETERS, problem=f"it is no JSON object: {cause}", hint="deploy again"
            ) from cause
        return f"{SERVICE}{self._environ.get('SNOWFLAKE_SERVICE_NAME', 'unnamed')}".lower(), config

    def set_return_value(self, text: str) -> None:
        """Do nothing: a service returns nothing to anybody."""
