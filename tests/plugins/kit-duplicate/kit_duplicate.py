"""A plugin that offers one node twice, and the name of a node of another plugin."""

from mlops import hookimpl, node


@node(outputs=["twice"])
def twin() -> int:
    return 1


@node(outputs=["numbers"])
def make_numbers() -> list[int]:
    return [1, 2, 3]


@hookimpl
def register_nodes():
    return [twin]
