"""Processes that run users' code (UDFs, procedures, models), so that the server never does."""

from mlops_embedded.workers.process import Worker, WorkerError, Workers

__all__ = ["Worker", "WorkerError", "Workers"]
