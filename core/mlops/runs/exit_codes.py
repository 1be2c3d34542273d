"""Exit codes of ``mlops run-node``, so that whoever started the container knows what to mend."""

from __future__ import annotations

from mlops.container.replica_error import ReplicaError
from mlops.container.skew import VersionSkewError
from mlops.errors import (
    AmbiguousNodeError,
    AuthenticationError,
    DatasetError,
    MlopsError,
    NodeDefinitionError,
    ParameterError,
    PluginError,
    SettingsError,
    SeveralError,
    UnknownNameError,
)
from mlops.runs.outcome import ErrorInfo

NODE_RAISED, NOT_LOADABLE, BAD_INPUTS, AUTHENTICATION, VERSION_SKEW = 10, 11, 12, 13, 14

_OF_ERRORS: tuple[tuple[type[MlopsError], int], ...] = (
    (VersionSkewError, VERSION_SKEW),
    (ReplicaError, NODE_RAISED),
    (AuthenticationError, AUTHENTICATION),
    (PluginError, NOT_LOADABLE),
    (UnknownNameError, NOT_LOADABLE),
    (AmbiguousNodeError, NOT_LOADABLE),
    (NodeDefinitionError, NOT_LOADABLE),
    (ParameterError, BAD_INPUTS),
    (DatasetError, BAD_INPUTS),
    (SettingsError, BAD_INPUTS),
    (SeveralError, BAD_INPUTS),
)
_OF_KINDS = {"plugin": NOT_LOADABLE, "input": BAD_INPUTS, "authentication": AUTHENTICATION, "account": 3}


def exit_code_of(error: MlopsError) -> int:
    """Return what a node that could not be called ends with."""
    return next((code for kind, code in _OF_ERRORS if isinstance(error, kind)), error.exit_code)


def exit_code_of_failure(error: ErrorInfo | None) -> int:
    """Return what a node that was called and failed ends with."""
    return NODE_RAISED if error is None else _OF_KINDS.get(error.kind, NODE_RAISED)
