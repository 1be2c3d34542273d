"""Words that need no parser: those that containers are started with, understood without importing click.

A job specification says ``run-node --task NODE``, once for each node, and an image is tried with ``run-node NODE``. click
would be half of such a start. Everything else, and every mistake, is click's to understand and to explain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial


def plain(words: Sequence[str]) -> Callable[[], int] | None:
    """Return what a command line of these words does, or None where click is needed to tell."""
    match list(words):
        case ["run-node", node] if _is_name(node):
            return partial(_run, node)
        case ["run-node", *rest] if rest and _are_tasks(rest):
            return partial(_run_tasks, rest[1::2])
        case _:
            return None


def _run(node: str) -> int:
    from mlops.cli.opening import project
    from mlops.cli.single_node import run_one

    return run_one(project(), node)


def _run_tasks(nodes: Sequence[str]) -> int:
    from mlops.cli.single_node import run_tasks

    return run_tasks(nodes)


def _are_tasks(words: Sequence[str]) -> bool:
    return len(words) % 2 == 0 and all(word == "--task" for word in words[::2]) and all(map(_is_name, words[1::2]))


def _is_name(word: str) -> bool:
    return bool(word) and not word.startswith("-")
