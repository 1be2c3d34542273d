"""The account that a command operates on: the chosen target's, connected for as long as the command needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops.operate.deployed import DeployedPipeline
    from mlops.operate.operations import Operations
    from mlops.project import Project


@contextmanager
def operations_of(project: Project, connection: str | None) -> Iterator[Operations]:
    """Yield what can be asked of Snowflake about the chosen target; its connection is closed at the end.

    Raises:
        RunError, AccountError: the target has no connection, or Snowflake is out of reach.
    """
    from mlops.snowflake.operations import operations_on
    from mlops.snowflake.session import open_session

    settings = project.settings
    with open_session(settings, project.discovery.known, connection=connection) as session:
        yield operations_on(session, settings.chosen_target)


def pipelines_in(operations: Operations, project: Project) -> list[DeployedPipeline]:
    """Return the pipelines of the project that are deployed to the target."""
    from mlops.operate.deployed import deployed_pipelines

    return deployed_pipelines(operations.tasks(), project.settings.project)


def pipeline_in(operations: Operations, project: Project, name: str | None) -> DeployedPipeline:
    """Return one deployed pipeline: that of this name, or the only one.

    Raises:
        UnknownNameError, UsageError: there is none, or several and no name says which.
    """
    from mlops.operate.deployed import choose

    return choose(pipelines_in(operations, project), name, where=place_of(operations))


def place_of(operations: Operations) -> str:
    """Return where a target deploys to, for people."""
    return f"{operations.database}.{operations.schema}"
