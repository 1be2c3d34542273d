"""The command line in this process: what a command answers in a project's folder."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click.testing

from mlops.cli.app import cli
from mlops.errors import MlopsError


@dataclass(frozen=True)
class Answer:
    """What a command answered: its exit code, both streams, and the error that it ended with."""

    code: int
    stdout: str
    stderr: str
    error: MlopsError | None

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.stdout}\n{self.stderr}\n{self.error or ''}"


class CommandLine:
    """A project's folder, and the commands that are run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, stdin: str | None = None) -> Answer:
        """Run ``mlops`` with these words; an error that is not ours is raised."""
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            result = click.testing.CliRunner().invoke(cli, list(words), input=stdin, standalone_mode=False)
        finally:
            os.chdir(before)
        wrong = result.exception
        if wrong is not None and not isinstance(wrong, MlopsError):
            raise wrong
        code = result.return_value if wrong is None else wrong.exit_code
        return Answer(code if isinstance(code, int) else 0, result.stdout, result.stderr, wrong)

    def json(self, *words: str) -> Any:
        """Run a command that answers in JSON, and return what it said; its error is raised."""
        answer = self.run(*words, "--json")
        if answer.error is not None:
            raise answer.error
        return json.loads(answer.stdout)
