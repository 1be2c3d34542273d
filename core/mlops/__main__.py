"""The command ``mlops``, also as ``python -m mlops``."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the command line and end the process with its exit code.

    Importing makes many objects and hardly any garbage: looking for it takes a third of the start. ``run_node`` turns
    the collector on again before a function of a plugin is called.
    """
    gc.disable()
    from mlops.cli.app import run

    run()


if __name__ == "__main__":
    main()
