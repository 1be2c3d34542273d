"""The consoles of README.md: what is typed, what the page says of it, and what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

README = Path(__file__).parents[1] / "README.md"


class Step(NamedTuple):
    """A command after ``$``, the comment behind it, and the lines below it but ``...``, which stands for others."""

    command: str
    comment: str
    shown: list[str]

    @property
    def words(self) -> list[str]:
        """What follows ``mlops`` in the command."""
        program, *words = shlex.split(self.command)
        assert program == "mlops"
        return words


def console(heading: str) -> list[Step]:
    """The steps of the one console block in a section."""
    section = README.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"^```console\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    steps: list[Step] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            command, _, comment = line[2:].partition(" # ")
            steps.append(Step(command.strip(), comment.strip(), []))
        elif line != "...":
            steps[-1].shown.append(line)
    return steps


def general(text: str) -> str:
    """Text without what differs from run to run: durations, digests and the width of gaps."""
    text = re.sub(r"\d+ min \d+ s|\d+(?:\.\d+)? (?:ms|s|min)\b", "TIME", text)
    text = re.sub(r"sha256:[0-9a-f.]+", "sha256:DIGEST", text)
    return re.sub(r"\s+", " ", text).strip()
