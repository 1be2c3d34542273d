"""Threads: how many the trees use. The result is the same with any number."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

FEW_ROWS = 50_000


def threads_for(rows: int) -> AbstractContextManager[object]:
    """Return a context in which few rows are worked on by one thread, and many by as many as there are cores.

    On few rows the threads mostly wait for each other, spinning. Alone on two cores they gain a fifth; beside
    another busy process, as in a container, they take four times as long.
    """
    if rows >= FEW_ROWS:
        return nullcontext()
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

    limits: AbstractContextManager[object] = threadpool_limits(limits=1)
    return limits
