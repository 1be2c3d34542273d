"""The command ``mlops``, also as ``python -m mlops``."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line and end the process with its exit code.

    Importing makes many objects and hardly any garbage: looking for it takes a third of the start. ``run_node`` turns
    the collector on again before a function of a plugin is called.
    """
    gc.disable()
    try:
        _run()
    except KeyboardInterrupt:  # while modules were still being imported; a command that has begun ends by itself
        print("stopped", file=sys.stderr)
        sys.exit(130)


def _run() -> None:
    if sys.argv[1:2] == ["run-node"]:
        if os.getpid() == 1:
            from mlops.container.grace import end_on_sigterm

            end_on_sigterm()
        from mlops.cli.ending import ended
        from mlops.cli.plain_words import plain
        from mlops.light_msgspec import import_msgspec

        if (command := plain(sys.argv[1:])) is not None:
            import_msgspec()
            sys.exit(ended(command))
    from mlops.cli.app import run

    run()


if __name__ == "__main__":
    main()
