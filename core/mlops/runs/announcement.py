"""An announcement: a file that says a run of one node has begun, where no record of any run is kept yet.

That is a container: importing SQLite and making the database would be a seventh of what it does before its node is called.
Whoever opens the records next, mostly the run itself when its node has returned, takes the announcement in. So a run that is
killed is known, with or without a database.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import DecodeError, Struct, ValidationError, json
from msgspec.structs import replace

from mlops.runs.outcome import RunInfo


class Announcement(Struct, frozen=True):
    """That an attempt of a node, by its full name, has begun as a run of its own."""

    run: RunInfo
    node: str


def has_records(data: str) -> bool:
    """Tell whether anything has run in this data folder."""
    return has_database(data) or os.path.isdir(_folder(data))


def has_database(data: str) -> bool:
    """Tell whether runs are recorded in this data folder already."""
    return os.path.exists(database_path(data))


def database_path(data: str | os.PathLike[str]) -> str:
    """Return where the database of records is in a data folder."""
    return os.path.join(os.fspath(data), ".mlops", "runs.db")


def announce(data: str, announcement: Announcement) -> None:
    """Write an announcement; credentials among the parameters are hidden, as they are in a record.

    Raises:
        OSError: it cannot be written, and nothing of it is left.
    """
    run = announcement.run
    hidden = {node: _hidden(values) if values else {} for node, values in run.parameters.items()}
    os.makedirs(_folder(data), exist_ok=True)
    path = _path(data, run.run_id)
    try:
        with open(path, "wb") as file:
            file.write(json.encode(replace(announcement, run=replace(run, parameters=hidden))))
    except OSError as cause:  # a full disk does not say which file it was
        withdraw(data, run.run_id)
        raise OSError(cause.errno, cause.strerror, path) from cause


def announced(data: str) -> Iterator[Announcement]:
    """Yield every announcement that has been written whole."""
    try:
        names = sorted(os.listdir(_folder(data)))
    except FileNotFoundError:
        return
    for name in names:
        try:
            with open(os.path.join(_folder(data), name), "rb") as file:
                yield json.decode(file.read(), type=Announcement)
        except (FileNotFoundError, DecodeError, ValidationError):  # taken in by another process, or being written
            continue


def withdraw(data: str, run_id: str) -> None:
    """Remove an announcement: its run is recorded, or it could not be written."""
    try:
        os.unlink(_path(data, run_id))
        os.rmdir(_folder(data))
    except OSError:  # another process was first, or has announced another run
        return


def _hidden(values: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: JSON
    from mlops.credentials import hide_credentials

    return hide_credentials(values)


def _folder(data: str) -> str:
    return os.path.join(data, ".mlops", "begun")


def _path(data: str, run_id: str) -> str:
    return os.path.join(_folder(data), f"{run_id}.json")
