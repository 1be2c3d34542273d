"""The failure of a node whose replicas did not all commit their part, as the replica that gathers tells it."""

from __future__ import annotations

from mlops.errors import RunError


class ReplicaError(RunError):
    """Another replica of the node has failed, was killed, or did not start."""
