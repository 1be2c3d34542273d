"""Execution: what runs one order after the other in a process, with stores, services and hooks made once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from mlops.nodes import Node, Origin
from mlops.parameters import Parameter
from mlops.runs.attempt import Prepared
from mlops.runs.node_run import run_node
from mlops.runs.order import Order
from mlops.runs.outcome import NodeOutcome, RunInfo
from mlops.runs.preparation import Preparation

Execute = Callable[[Order], NodeOutcome]


def execute_with(preparation: Preparation) -> Execute:
    """Return what runs an order with the stores, services and hooks of a preparation, made once a process."""
    return _executing(preparation())


def rehearsed(preparation: Preparation) -> Execute:
    """Return the same for a process that will be forked: what every node takes is imported, opened and cached.

    A process that is forked afterwards neither does so again nor copies the memory that it would write to.
    """
    prepared = preparation()
    _ = prepared.stores.own
    _rehearse()
    return _executing(prepared)


def _executing(prepared: Prepared) -> Execute:
    def execute(order: Order) -> NodeOutcome:
        try:
            return run_node(order, prepared)
        finally:
            prepared.services.close()

    return execute


def _rehearse() -> None:
    """Run a node that does nothing, as often as it takes Python to specialise the code."""
    import logging  # noqa: F401  or each process would import it where its node logs: see captured

    from mlops.runs.services import NoServices
    from mlops.runs.stores import Stores

    folder = os.path.join(os.environ.get("TMPDIR") or "/tmp", f"mlops-{os.urandom(8).hex()}")
    run = RunInfo("rehearsal", "rehearsal", folder, time.time())
    prepared = Prepared(Stores(folder), NoServices())
    os.mkdir(folder, 0o700)  # by hand: the module tempfile would cost each child more than all of this
    try:
        for number in range(_REHEARSALS):
            output = f"nothing{number}"
            nothing = Node(f"rehearsal{number}", Origin("mlops", "", ""), outputs=(output,), parameters=(_OPTIONAL,))
            run_node(Order(nothing, run, {_OPTIONAL.name: None}), prepared, function=lambda: 0)
    finally:
        for file in os.listdir(folder):
            os.unlink(os.path.join(folder, file))
        os.rmdir(folder)


_OPTIONAL = Parameter("optional", None, "int | None")
"""A parameter that takes what those of nodes take: a type expression to be read."""

_REHEARSALS = 20
