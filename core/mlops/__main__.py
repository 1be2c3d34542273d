"""The command ``mlops``, also as ``python -m mlops``."""

from __future__ import annotations


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from mlops.cli.app import run

    run()


if __name__ == "__main__":
    main()
