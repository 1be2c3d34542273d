"""How a command ends: with an exit code, whatever it raised, and with words that say how to mend it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


def ended(command: Callable[[], object], *, as_json: bool = False, debug: bool = False) -> int:
    """Run a command and return the exit code: 0 done, 1 the project or a node, 2 the words, 3 Snowflake, 130 stopped."""
    try:
        code = command()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as wrong:
        from mlops.cli.output import tell_error

        return tell_error(wrong, as_json=as_json, debug=debug or bool(os.environ.get("MLOPS_DEBUG")))
    return code if isinstance(code, int) else 0
