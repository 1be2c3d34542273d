"""The worker process: loads functions when it is told to, and calls them.

`python -m mlops_embedded.workers.host` speaks the messages of `messages.py` on its standard input and output; what the
code it runs prints goes to standard error. It ends when its input does.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pyarrow as pa

from mlops_embedded.workers import messages

Loaded = Callable[[pa.Table | None, dict[str, Any]], tuple[dict[str, Any], pa.Table | None]]


def main() -> None:
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # print() of users' code must not end up between messages
    os.close(0)
    os.open(os.devnull, os.O_RDONLY)
    loaded: dict[str, Loaded] = {}
    while True:
        try:
            header, table = messages.read(incoming)
        except EOFError:
            return
        try:
            answer, result = _do(loaded, header, table)
        except BaseException as error:  # users' code may raise anything, SystemExit too
            trace = "".join(traceback.format_exception(error)[-8:])
            messages.write(outgoing, {"error": f"{type(error).__name__}: {error}", "traceback": trace})
            continue
        messages.write(outgoing, answer, result)


def _do(
    loaded: dict[str, Loaded], header: dict[str, Any], table: pa.Table | None
) -> tuple[dict[str, Any], pa.Table | None]:
    if header["do"] == "load":
        module, _, name = header["factory"].partition(":")
        loaded[header["name"]] = getattr(import_module(module), name)(**header["arguments"])
        return {}, None
    return loaded[header["name"]](table, header["arguments"])


if __name__ == "__main__":
    main()
