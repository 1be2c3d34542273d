"""The command ``mlops``, also as ``python -m mlops``."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line and end the process with its exit code.

    Importing makes many objects and hardly any garbage: looking for it takes a third of the start. ``run_node`` turns
    the collector on again before a function of a plugin is called.
    """
    gc.disable()
    if sys.argv[1:2] == ["run-node"]:
        from mlops.cli.ending import ended
        from mlops.cli.plain_words import plain

        if (command := plain(sys.argv[1:])) is not None:
            _import_msgspec()
            sys.exit(ended(command))
    from mlops.cli.app import run

    run()


def _import_msgspec() -> None:
    """Import msgspec without typing_extensions, which with its own imports would be half of what it costs.

    msgspec takes three names from there, and takes them from ``typing`` where it is not installed. From Python 3.11 on
    they are the same. Whoever imports typing_extensions later gets it.
    """
    if sys.version_info < (3, 11) or "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # what Python itself knows as: not to be found
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]


if __name__ == "__main__":
    main()
