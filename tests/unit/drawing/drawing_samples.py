"""Graphs and runs that the tests of the drawings share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from mlops.context import Metric
from mlops.datasets.manifest import DatasetRecord
from mlops.graph import Graph
from mlops.nodes import Node, Origin, Resources, Retries
from mlops.parameters import Parameter
from mlops.pipeline import Cron, Pipeline
from mlops.registry import Registry
from mlops.resolution import graph_of
from mlops.runs.outcome import ErrorInfo, NodeOutcome, RunInfo, RunOutcome, State

STARTED = 1_750_000_000.0


def step(
    name: str,
    reads: Sequence[str] = (),
    writes: Sequence[str] = (),
    *,
    plugin: str = "mlops-churn",
    version: str = "1.2.0",
    after: Sequence[str] = (),
    description: str = "",
    parameters: Sequence[Parameter] = (),
) -> Node:
    """Return a node that reads and writes datasets of these names."""
    return Node(
        name=name,
        origin=Origin(plugin, version, f"{plugin.replace('-', '_')}.nodes:{name}"),
        inputs={dataset: dataset for dataset in reads},
        outputs=tuple(writes),
        after=tuple(after),
        description=description,
        parameters=tuple(parameters),
    )


def joined(*nodes: Node, name: str = "churn", finalizer: str | None = None, description: str = "") -> Graph:
    """Return the graph of these nodes."""
    names = [node.full_name for node in nodes]
    pipeline = Pipeline(name=name, nodes=names, finalizer=finalizer, description=description)
    return graph_of(pipeline, Registry(nodes=nodes))


def churn() -> Graph:
    """Return a graph like that of the churn plugin: a chain with shortcuts, several results, a schedule."""
    nodes = (
        Node(
            name="generate_data",
            origin=Origin("mlops-churn", "1.2.0", "mlops_churn.nodes:generate_data"),
            outputs=("customers",),
            parameters=(
                Parameter("source", "telco", "Literal['telco', 'synthetic']"),
                Parameter("customer_count", 1000, "int"),
                Parameter("seed", 7, "int"),
            ),
            retries=Retries(count=2, delay=timedelta(seconds=5)),
            description="Read the Telco customers, or make some up.",
        ),
        step(
            "preprocess_data",
            ["customers"],
            ["clean"],
            description="Mend types and blanks; drop what is known only later.",
        ),
        step(
            "engineer_features",
            ["clean"],
            ["features"],
            description="Add tenure groups, spend per month and services per customer.",
        ),
        step(
            "train_test_split",
            ["features"],
            ["train", "test"],
            parameters=[Parameter("test_size", 0.2, "float"), Parameter("seed", 7, "int")],
            description="Split by customer, with the same share of leavers on both sides.",
        ),
        Node(
            name="train_model",
            origin=Origin("mlops-churn", "1.2.0", "mlops_churn.nodes:train_model"),
            inputs={"train": "train"},
            outputs=("model", "importance"),
            services=("feature_store", "model_registry"),
            parameters=(
                Parameter("max_depth", 6, "int"),
                Parameter("learning_rate", 0.1, "float"),
                Parameter("estimators", None, "int | None"),
            ),
            resources=Resources(cpu=4, memory="8Gi", gpu=1),
            timeout=timedelta(minutes=30),
            description="Fit gradient boosting on the training part only.",
        ),
        step(
            "evaluate_model",
            ["model", "test"],
            ["metrics", "roc_curve", "confusion_matrix", "model_card"],
            description="Measure on the held-out part, beside a majority-class baseline.",
        ),
    )
    pipeline = Pipeline(
        name="churn",
        nodes=[node.name for node in nodes],
        schedule=Cron("0 2 * * *", "Europe/Berlin"),
        parameters={"train_model.max_depth": 8},
        description="Predict which customers are about to leave.",
        distribution="mlops-churn",
        version="1.2.0",
    )
    return graph_of(pipeline, Registry(nodes=nodes))


def record(name: str, *, rows: int | None = None, size: int = 48_213) -> DatasetRecord:
    """Return what is recorded of a dataset that a run has committed."""
    return DatasetRecord(
        name=name,
        type="pandas.core.frame.DataFrame" if rows is not None else "builtins.dict",
        serializer="parquet" if rows is not None else "json",
        path=f"{name}/{name}.parquet",
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        bytes=size,
        rows=rows,
    )


def run_of(
    graph: Graph, *nodes: NodeOutcome, state: State = State.SUCCEEDED, seconds: float = 9.4, reason: str = ""
) -> RunOutcome:
    """Return the outcome of a run of a graph."""
    return RunOutcome(
        run=RunInfo(
            run_id="20250615T150640-7c1f",
            pipeline=graph.pipeline.name,
            folder="data/churn/20250615T150640-7c1f",
            started=STARTED,
            parameters={"mlops-churn:train_model": {"max_depth": 8, "learning_rate": 0.05, "estimators": None}},
            versions={"mlops-churn": "1.2.0", "mlops-framework": "0.1.0"},
            executor="process",
        ),
        state=state,
        nodes=nodes,
        ended=STARTED + seconds,
        reason=reason,
    )


def ended(
    name: str,
    state: State,
    start: float | None = None,
    end: float | None = None,
    *,
    attempt: int = 1,
    reason: str = "",
    error: ErrorInfo | None = None,
    metrics: Mapping[str, float] | None = None,
    outputs: Sequence[DatasetRecord] = (),
) -> NodeOutcome:
    """Return the outcome of a node that started and ended some seconds into its run."""
    return NodeOutcome(
        node=name,
        state=state,
        attempt=attempt,
        started=None if start is None else STARTED + start,
        ended=None if end is None else STARTED + end,
        reason=reason,
        error=error,
        metrics=tuple(Metric(key, value) for key, value in (metrics or {}).items()),
        outputs=tuple(outputs),
    )


def succeeded_run() -> RunOutcome:
    """Return a run of ``churn`` in which all went well and the first node was reused."""
    return run_of(
        churn(),
        ended("mlops-churn:generate_data", State.REUSED, reason="its outputs fit: same parameters, version and inputs", outputs=[record("customers", rows=7043, size=312_000)]),
        ended("mlops-churn:preprocess_data", State.SUCCEEDED, 0.1, 0.62, outputs=[record("clean", rows=7032, size=201_334)]),
        ended("mlops-churn:engineer_features", State.SUCCEEDED, 0.65, 1.9, outputs=[record("features", rows=7032, size=402_900)]),
        ended("mlops-churn:train_test_split", State.SUCCEEDED, 1.92, 2.2, outputs=[record("train", rows=5625), record("test", rows=1407)]),
        ended("mlops-churn:train_model", State.SUCCEEDED, 2.25, 8.1, attempt=2, metrics={"train_auc": 0.91234}, outputs=[record("model", size=1_843_000), record("importance", size=31_000)]),
        ended(
            "mlops-churn:evaluate_model", State.SUCCEEDED, 8.15, 9.35,
            metrics={"auc": 0.84712, "accuracy": 0.8031, "baseline_accuracy": 0.7342},
            outputs=[record("metrics", size=412), record("roc_curve", size=24_301), record("confusion_matrix", size=18_090), record("model_card", size=3_021)],
        ),
    )  # fmt: skip


TRACEBACK = """Traceback (most recent call last):
  File "mlops_churn/nodes.py", line 112, in train_model
    model.fit(train[columns], train["churn"])
  File "pandas/core/frame.py", line 4102, in __getitem__
    indexer = self.columns.get_loc(key)
KeyError: 'churn'
"""


def failed_run() -> RunOutcome:
    """Return a run of ``churn`` that failed in the training."""
    whole = succeeded_run().nodes
    return run_of(
        churn(),
        *whole[:4],
        ended(
            "mlops-churn:train_model", State.FAILED, 2.25, 3.4, attempt=3,
            error=ErrorInfo("KeyError", "'churn'", TRACEBACK, hint="the dataset 'train' has no column 'churn'; it has: tenure, spend, left"),
        ),
        ended("mlops-churn:evaluate_model", State.SKIPPED, reason="train_model failed"),
        state=State.FAILED,
        seconds=3.5,
        reason="1 node failed: train_model",
    )  # fmt: skip


def wide(count: int = 40) -> Graph:
    """Return a graph of four plugins: sources, features of each, models on features, a comparison, and a finalizer."""
    nodes: list[Node] = []
    sources = max(count // 8, 1)
    for at in range(sources):
        nodes.append(step(f"load_source_{at}", [], [f"raw_{at}"], plugin="acme-sources", version="2.0.1"))
        nodes.append(
            step(f"check_source_{at}", [f"raw_{at}"], [f"source_{at}"], plugin="acme-quality", version="0.9.0")
        )
    features = max((count - 2 * sources - 2) // 2, 1)
    for at in range(features):
        reads = [f"source_{at % sources}"] + (
            [f"source_{(at * 3 + 1) % sources}"] if at % 3 == 0 and sources > 1 else []
        )
        nodes.append(
            step(
                f"feature_group_{at}", dict.fromkeys(reads), [f"features_{at}"], plugin="acme-features", version="4.1.0"
            )
        )
    for at in range(count - 2 * sources - 2 - features):
        reads = [f"features_{(at * 7 + shift) % features}" for shift in range(1 + at % 3)]
        nodes.append(
            step(f"train_model_{at}", dict.fromkeys(reads), [f"model_{at}"], plugin="acme-models", version="1.0.0")
        )
    models = [dataset for node in nodes for dataset in node.outputs if dataset.startswith("model_")]
    nodes.append(step("compare_models", models[: len(models) - 2], ["champion"], plugin="acme-models", version="1.0.0"))
    nodes.append(step("notify", [], [], plugin="acme-quality", version="0.9.0"))
    return joined(*nodes, name="everything", finalizer="notify")


HOSTILE = "</script><img src=x onerror=\"alert('1')\">&lt;`#quot;\\N\x1b[31m\u202e\u2028${title}"


def hostile() -> tuple[Graph, RunOutcome]:
    """Return a graph and a run in which every text a user can choose tries to be markup."""
    graph = joined(
        step(
            "make",
            [],
            ["made"],
            plugin='acme"<b>',
            version=HOSTILE,
            description=HOSTILE,
            parameters=[Parameter("text", HOSTILE, HOSTILE)],
        ),
        step("use", ["made"], ["used"], plugin='acme"<b>', version=HOSTILE),
        description=HOSTILE,
    )
    error = ErrorInfo(HOSTILE, HOSTILE, HOSTILE, hint=HOSTILE, kind="output")
    outcome = run_of(
        graph,
        ended('acme"<b>:make', State.FAILED, 0, 1, error=error, reason=HOSTILE, metrics={HOSTILE: 1.0}),
        ended('acme"<b>:use', State.SKIPPED, reason=HOSTILE),
        state=State.FAILED,
        reason=HOSTILE,
    )
    return graph, outcome
