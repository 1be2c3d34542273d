"""A failure: what an exception that a node raised is told as. Imported where something is wrong, and nowhere else."""

from __future__ import annotations

import errno
import os
import traceback
from contextlib import suppress

from mlops.errors import AccountError, AuthenticationError, MlopsError, PluginError
from mlops.runs.logs import NodeLog
from mlops.runs.outcome import ErrorInfo


def error_info(cause: BaseException) -> ErrorInfo:
    """Return why a node failed, with the frames of mlops itself left out of the traceback."""
    frames = traceback.extract_tb(cause.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_HERE)]
    lines: list[str] = []
    told = isinstance(cause, MlopsError) or (isinstance(cause, OSError) and cause.errno in _OF_THE_MACHINE)
    if own or not told:  # what mlops itself has to say needs no traceback, nor does a full disk
        lines = traceback.format_list(own or frames)
        with suppress(Exception):  # an exception's own text may raise
            lines += traceback.format_exception_only(cause)
    return ErrorInfo(
        type=type(cause).__name__,
        message=_message(cause) or type(cause).__name__,
        traceback="".join(lines),
        hint=cause.hint if isinstance(cause, MlopsError) else _mend(cause),
        kind=_kind(cause),
    )


def _message(cause: BaseException) -> str:
    try:
        return str(cause).strip()
    except Exception:  # an exception's own text may raise
        return ""


def log_failure(error: ErrorInfo, log: NodeLog) -> None:
    """Write the exception that is being handled; what mlops itself has to say needs no traceback."""
    if error.traceback:
        traceback.print_exc(file=log)
    else:
        log.write(f"{error.type}: {error.message}\n")


def _mend(cause: BaseException) -> str | None:
    """Return what helps where a container has little to write to; None where the exception says enough by itself."""
    if isinstance(cause, FileNotFoundError) and "No usable temporary directory" in str(cause):
        return (
            "nothing here can be written to: mount a volume (of memory, or local) at /tmp, or name a folder in TMPDIR"
        )
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room: on a machine of your own, mlops runs prune; in a container, a larger volume"
    if isinstance(cause, OSError) and cause.errno == errno.EROFS:
        return "the file system is read-only: return the value as a dataset, or write to a folder of tempfile's"
    return None


def _kind(cause: BaseException) -> str:
    kinds = {
        PluginError: "plugin",
        AuthenticationError: "authentication",
        AccountError: "account",
        MlopsError: "output",
    }
    return next((kind for error, kind in kinds.items() if isinstance(cause, error)), "raised")


_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
