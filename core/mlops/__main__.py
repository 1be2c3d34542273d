"""The command ``mlops``, also as ``python -m mlops``."""

from __future__ import annotations

import gc
import io
import os
import sys


def main() -> None:
    """Run the command line and end the process with its exit code.

    Importing makes many objects and hardly any garbage: looking for it takes a third of the start. ``run_node`` turns
    the collector on again before a function of a plugin is called.
    """
    gc.disable()
    if sys.argv[1:2] == ["run-node"] and os.getpid() == 1:
        from mlops.container.grace import end_on_sigterm

        end_on_sigterm()
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")  # a character that its encoding lacks is no reason to fail
    from mlops.cli.ending import ended

    sys.exit(ended(_run))


def _run() -> int | None:
    """Import what the words ask for and run it: what ends the process before a command has begun is told like one."""
    if sys.argv[1:2] == ["run-node"]:
        from mlops.cli.plain_words import plain
        from mlops.light_msgspec import import_msgspec

        if (command := plain(sys.argv[1:])) is not None:
            import_msgspec()
            return command()
    from mlops.cli.app import run

    run()
    return None


if __name__ == "__main__":
    main()
