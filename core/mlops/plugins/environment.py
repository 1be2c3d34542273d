"""The environment: the folders that distributions are installed in, and whether anything was installed or removed."""

from __future__ import annotations

import os
import sys


def environment() -> dict[str, int]:
    """Return the folders that distributions are installed in, each with its time of change in nanoseconds.

    Installing, upgrading or removing a distribution changes the time of its folder; one ``stat`` a folder tells.
    """
    library = os.path.dirname(os.__file__)
    # where the program itself lies, or the current folder, depends on how mlops was started; nothing is installed there
    skipped = {
        library,
        os.path.join(library, "lib-dynload"),
        os.getcwd(),
        os.path.abspath(os.path.dirname(sys.executable)),
    }
    times = {}
    for folder in sys.path:
        if folder and os.path.abspath(folder) not in skipped:
            try:
                times[folder] = os.stat(folder).st_mtime_ns
            except OSError:
                continue
    return times
