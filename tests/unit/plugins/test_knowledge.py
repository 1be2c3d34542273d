"""What is known of plugins: what goes on to the processes that run nodes."""

from __future__ import annotations

from mlops.nodes import Node, Origin
from mlops.plugins.knowledge import SERIALIZERS, EntryPoint, HookPlugin, Knowledge, called_by_nodes


def plugin(name: str, *hooks: str) -> Knowledge:
    nodes = tuple(Node(f"n{number}", Origin(name, "1.0", f"{name}:n{number}")) for number in range(3))
    entry = EntryPoint("mlops.plugins", "own", name)
    return Knowledge(
        name, "1.0", "", entry_points=(entry,), nodes=nodes, pipelines=({},), hooks=(HookPlugin("own", name, hooks),)
    )


def test_a_process_that_runs_nodes_knows_the_hooks_it_calls_and_no_node():
    watching, storing, offering = (
        plugin("watching", "register_nodes", "after_node_run"),
        plugin("storing", SERIALIZERS),
        plugin("offering", "register_nodes", "register_pipelines"),
    )

    needed = called_by_nodes([watching, storing, offering])

    assert [(one.distribution, one.hooks) for one in needed] == [
        ("watching", watching.hooks),
        ("storing", storing.hooks),
    ]
    assert [(one.nodes, one.pipelines, one.entry_points) for one in needed] == [((), (), ())] * 2
