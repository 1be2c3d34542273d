"""A healthy plugin: a pipeline of four nodes, one of which takes the four arguments, and an undecorated one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mlops import Context, Cron, Pipeline, Resources, node

if TYPE_CHECKING:
    import pandas as pd


@node(outputs=["numbers"], resources=Resources(cpu=0.5, memory="512Mi"))
def make_numbers(*, count: int = 5, kind: Literal["even", "odd"] = "even") -> list[int]:
    """Make some numbers."""
    return [2 * index + (kind == "odd") for index in range(count)]


@node(outputs=["table"])
def make_table(numbers: list[int]) -> pd.DataFrame:
    """Put the numbers into a table."""
    import pandas as pd

    return pd.DataFrame({"number": numbers, "square": [number**2 for number in numbers]})


@node(outputs=["total", "largest"])
def summarise(table, context: Context, *, scale: float = 1.0) -> dict[str, float]:
    """Sum up, and log a metric."""
    context.log_metric("total", table["square"].sum() * scale)
    print("summing", len(table), "rows")
    context.logger.info("scale is %s", scale)
    return {"total": float(table["square"].sum() * scale), "largest": float(table["number"].max())}


@node(inputs=["total"], outputs=["report"], params={"title": "Report"})
def write_report(feature_store, model_registry, inputs, outputs):
    """Write a report, as nodes of the four arguments do."""
    assert feature_store is None
    assert model_registry is None
    outputs["report"] = f"{inputs['title']}: {inputs['total']:.1f}"


def plain(feature_store, model_registry, inputs, outputs):
    """An undecorated function is a node, too."""
    return {"answer": inputs["question"] * 2}


numbers = Pipeline(
    "numbers",
    nodes=["write_report", "make_numbers", "make_table", "summarise"],
    schedule=Cron("0 2 * * *", "UTC"),
    parameters={"count": 7},
)
