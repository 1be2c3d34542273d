"""A plugin with a hook whose name is not quite right."""

from mlops import hookimpl, node


@node(outputs=["spelt"])
def spelling() -> int:
    return 1


@hookimpl
def register_nodes():
    return [spelling]


@hookimpl
def before_node_rum(node):
    pass
