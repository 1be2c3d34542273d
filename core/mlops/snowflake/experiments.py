"""What nodes measured, kept as runs of Snowflake's ExperimentTracking, beside what the run itself records."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from mlops.runs.measured import Measured

if TYPE_CHECKING:
    from snowflake.ml.experiment import ExperimentTracking
    from snowflake.snowpark import Session

_MOST_ATTEMPTS = 50


def track(session: Session, measured: Measured, *, database: str, schema: str) -> None:
    """Write a run of an experiment: its parameters, its metrics step by step, and how it ended."""
    from snowflake.ml.experiment import ExperimentTracking

    class Tracking(ExperimentTracking):  # type: ignore[misc]  # the SDK is not typed here
        """An instance of its own: the SDK keeps one a process, and that one is the node's."""

        _instance = None

    tracking = Tracking(session, database_name=database, schema_name=schema, capture_source_info=False)
    tracking.set_experiment(measured.experiment)
    _start(tracking, measured.run)
    try:
        if measured.parameters:
            tracking.log_params(dict(measured.parameters))
        for step, metrics in measured.steps:
            tracking.log_metrics(dict(metrics), step=step)
    finally:
        tracking.end_run(status="FINISHED" if measured.succeeded else "FAILED")


def _start(tracking: ExperimentTracking, name: str) -> None:
    """Start a run of this name; where an earlier attempt has it, of the next one: NAME, NAME_2, NAME_3."""
    for number in count(1):
        try:
            tracking.start_run(name if number == 1 else f"{name}_{number}")
        except RuntimeError:  # a run of that name has ended
            if number == _MOST_ATTEMPTS:
                raise
        else:
            return
