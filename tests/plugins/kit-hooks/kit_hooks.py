"""A plugin through pluggy: nodes, a pipeline that uses a node of another plugin, a serializer and observers."""

from __future__ import annotations

import os
import time
from pathlib import Path

from mlops import Facts, Pipeline, Serializer, hookimpl, node


class Money:
    """A type that only this plugin knows how to store."""

    def __init__(self, cents: int) -> None:
        self.cents = cents


class MoneySerializer(Serializer):
    """Cents as text."""

    name = "money"
    extension = ".money"
    types = ("kit_hooks.Money",)

    def write(self, value: object, path: Path) -> Facts:
        path.write_text(str(value.cents))
        return Facts(rows=None, columns=None)

    def read(self, path: Path, as_type: str | None) -> object:
        return Money(int(Path(path).read_text()))


def _note(line: str) -> None:
    if file := os.environ.get("KIT_HOOKS_FILE"):
        with open(file, "a", encoding="utf-8") as out:
            out.write(line + "\n")


@node(outputs=["price"])
def price(total: float) -> Money:
    return Money(round(total * 100))


def _receipt(price: Money) -> str:
    return f"{price.cents} cents"


receipt = node(name="receipt", outputs=["receipt_text"])(lambda price: _receipt(price))


@hookimpl
def register_nodes():
    return [price, receipt]


@hookimpl
def register_pipelines():
    return [
        Pipeline("prices", nodes=["make_numbers", "make_table", "kit-healthy:summarise", "price", "receipt"]),
    ]


@hookimpl
def register_serializers():
    return [MoneySerializer()]


@hookimpl
def before_pipeline_run(run):
    _note(f"before_pipeline_run {run.pipeline}")


@hookimpl
def after_pipeline_run(run, outcome):
    _note(f"after_pipeline_run {outcome.state.value}")
    raise RuntimeError("an observer that raises")


@hookimpl
def on_pipeline_error(run, outcome):
    _note(f"on_pipeline_error {outcome.state.value}")


@hookimpl
def check_dataset(dataset, value):
    """Refuses the datasets that the environment names, breaks on others, and leaves the rest alone."""
    if dataset in os.environ.get("KIT_HOOKS_BREAK_ON", "").split():
        raise LookupError("a guard that breaks")
    if dataset in os.environ.get("KIT_HOOKS_REFUSE", "").split():
        return [f"{type(value).__name__} is not wanted", "on no account"]
    return None


@hookimpl
def before_node_run(node, attempt):
    if os.environ.get("KIT_HOOKS_HANG") == node.name:
        time.sleep(60)
    _note(f"before_node_run {node.name} {attempt}")


@hookimpl
def after_node_run(node, outcome):
    _note(f"after_node_run {node.name} {outcome.state.value}")


@hookimpl
def on_node_error(node, outcome):
    _note(f"on_node_error {node.name} {outcome.error.type}")
