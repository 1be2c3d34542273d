"""Runs and nodes of mlops as events of OpenLineage: pure values, the same in whichever process they are made.

A pipeline is a job, a node is a job below it, an attempt of a node is a run whose parent is the pipeline's run. Their ids
follow from the id of the mlops run, so that START and COMPLETE meet although other processes may send them. A dataset is
``PIPELINE.DATASET``: the same name in every run, with the hash of its content as its version.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from openlineage.client.event_v2 import InputDataset, Job, JobEvent, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    dataset_version_dataset,
    documentation_job,
    error_message_run,
    execution_parameters_run,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
    schema_dataset,
    symlinks_dataset,
)

import mlops

if TYPE_CHECKING:
    from mlops import Node

PRODUCER = f"https://pypi.org/project/mlops-openlineage/{mlops.__version__}"
_ENDS = {"succeeded": RunState.COMPLETE, "failed": RunState.FAIL, "stopped": RunState.ABORT}


def pipeline_started(run: Any) -> RunEvent:
    """Return START of a run."""
    return _event(RunState.START, run.started, _run_id(run), _pipeline_job(run), facets=_engine())


def pipeline_ended(run: Any, outcome: Any) -> RunEvent:
    """Return COMPLETE, FAIL or ABORT of a run."""
    state = _ENDS[outcome.state.value]
    facets = _engine()
    if state is RunState.FAIL:
        message = next((one.error.message for one in outcome.nodes if one.error is not None), outcome.reason)
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(message, "python")
    return _event(state, outcome.ended or run.started, _run_id(run), _pipeline_job(run), facets=facets)


def node_started(run: Any, node: Node, attempt: int) -> RunEvent:
    """Return START of an attempt of a node, at this moment."""
    now = datetime.now(timezone.utc).timestamp()
    return _event(
        RunState.START,
        now,
        _attempt_id(run, node, attempt),
        _node_job(run, node),
        facets=_node_facets(run, node),
        inputs=_inputs(run, node),
    )


def node_ended(run: Any, node: Node, outcome: Any) -> RunEvent:
    """Return COMPLETE or FAIL of an attempt of a node, with what it wrote or what it raised."""
    facets = _node_facets(run, node)
    if outcome.error is not None:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            f"{outcome.error.type}: {outcome.error.message}", "python", outcome.error.traceback or None
        )
    return _event(
        _ENDS[outcome.state.value],
        outcome.ended,
        _attempt_id(run, node, outcome.attempt),
        _node_job(run, node),
        facets=facets,
        inputs=_inputs(run, node),
        outputs=[_output(run, record) for record in outcome.outputs],
    )


def deployed(deployment: Any) -> list[JobEvent]:
    """Return a job event for a pipeline that was deployed and for each node of it, with the task that runs it."""
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    place = f"{deployment.database}.{deployment.schema}"
    described = {deployment.pipeline: ("PIPELINE", f"task graph {place}.{deployment.root.name}")}
    for task in deployment.tasks:
        for node in task.nodes:
            described[f"{deployment.pipeline}.{node.partition(':')[2]}"] = (
                "NODE",
                f"{node} in task {place}.{task.name}",
            )
    return [
        JobEvent(
            eventTime=now,
            producer=PRODUCER,
            job=Job(
                _namespace(),
                name,
                {
                    "jobType": job_type_job.JobTypeJobFacet("BATCH", "MLOPS", kind),
                    "documentation": documentation_job.DocumentationJobFacet(text),
                },
            ),
        )
        for name, (kind, text) in described.items()
    ]


def _event(
    state: RunState,
    moment: float,
    run_id: str,
    job: Job,
    *,
    facets: dict[str, Any],
    inputs: list[InputDataset] | None = None,
    outputs: list[OutputDataset] | None = None,
) -> RunEvent:
    return RunEvent(
        eventType=state,
        eventTime=datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds"),
        run=Run(run_id, facets),
        job=job,
        inputs=inputs or [],
        outputs=outputs or [],
        producer=PRODUCER,
    )


def _namespace() -> str:
    return os.environ.get("OPENLINEAGE_NAMESPACE") or "mlops"


def _run_id(run: Any) -> str:
    return str(uuid5(NAMESPACE_URL, f"mlops:{run.pipeline}/{run.run_id}"))


def _attempt_id(run: Any, node: Node, attempt: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"mlops:{run.pipeline}/{run.run_id}/{node.full_name}/{attempt}"))


def _pipeline_job(run: Any) -> Job:
    return Job(_namespace(), run.pipeline, {"jobType": job_type_job.JobTypeJobFacet("BATCH", "MLOPS", "PIPELINE")})


def _node_job(run: Any, node: Node) -> Job:
    return Job(
        _namespace(),
        f"{run.pipeline}.{node.name}",
        {"jobType": job_type_job.JobTypeJobFacet("BATCH", "MLOPS", "NODE")},
    )


def _engine() -> dict[str, Any]:
    return {"processing_engine": processing_engine_run.ProcessingEngineRunFacet(mlops.__version__, "mlops-framework")}


def _node_facets(run: Any, node: Node) -> dict[str, Any]:
    parameters = [
        execution_parameters_run.ExecutionParameter(key, name=key, value=str(value))
        for key, value in mlops.hide_credentials(run.parameters.get(node.full_name, {})).items()
    ]
    return {
        **_engine(),
        "parent": parent_run.ParentRunFacet(parent_run.Run(_run_id(run)), parent_run.Job(_namespace(), run.pipeline)),
        "executionParameters": execution_parameters_run.ExecutionParametersRunFacet(parameters),
    }


def _inputs(run: Any, node: Node) -> list[InputDataset]:
    return [InputDataset(_namespace(), f"{run.pipeline}.{dataset}") for dataset in node.datasets]


def _output(run: Any, record: Any) -> OutputDataset:
    place = os.path.join(run.folder, record.path)
    facets: dict[str, Any] = {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(record.sha256),
        "symlinks": symlinks_dataset.SymlinksDatasetFacet([symlinks_dataset.Identifier("file", place, "FILE")]),
    }
    if record.columns is not None:
        facets["schema"] = schema_dataset.SchemaDatasetFacet(
            [schema_dataset.SchemaDatasetFacetFields(name, kind) for name, kind in record.columns]
        )
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=record.rows, size=record.bytes
    )
    return OutputDataset(_namespace(), f"{run.pipeline}.{record.name}", {"outputStatistics": statistics}, facets=facets)
