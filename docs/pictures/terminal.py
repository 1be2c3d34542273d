"""Draw docs/pictures/terminal.svg: what ``mlops`` really prints when it runs the churn pipeline, on a terminal.

    python docs/pictures/terminal.py

Needs an environment with mlops-churn (``make setup``). The commands run in an empty folder that is removed afterwards.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

COLUMNS = 104
COMMANDS = (("nodes", "list"), ("run", "churn"), ("run", "churn", "-p", "bootstrap_samples=500", "--resume"))
METRICS = ("roc_auc", "accuracy", "logistic_regression_roc_auc", "majority_class_accuracy")
"""The metrics that are kept of those that a run prints; the rest becomes one line that counts them."""


def printed(words: tuple[str, ...], folder: str) -> str:
    """Return what a command prints on a terminal of COLUMNS columns, colours and all; CI makes progress plain lines."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "CI": "true", "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    process = subprocess.Popen([sys.executable, "-m", "mlops", *words], cwd=folder, env=environ,
                               stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)  # fmt: skip
    os.close(theirs)
    pieces = []
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that nobody writes to a terminal any more
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(ours)
    if process.wait() != 0:
        raise SystemExit(f"mlops {' '.join(words)} failed:\n{b''.join(pieces).decode()}")
    return b"".join(pieces).decode().replace("\r\n", "\n")


def trimmed(text: str) -> list[str]:
    """Return the lines without the start of each node, and with few of the metrics."""
    lines: list[str] = []
    left_out = 0
    for line in text.strip("\n").splitlines():
        metric = re.match(r"  ([a-z0-9_]+) +[-0-9.e]+  [a-z_]+$", line)
        if metric and metric[1] not in METRICS:
            left_out += 1
        elif " ▶ " not in line and not line.startswith("looking at "):
            if left_out and not metric:
                lines.append(f"  … {left_out} more")
                left_out = 0
            lines.append(line)
    return lines


def main() -> None:
    """Run the commands and write the picture beside this file."""
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        for words in COMMANDS:
            console.print(Text.assemble(("$ ", "bright_black"), (f"mlops {' '.join(words)}", "bold")))
            for line in trimmed(printed(words, folder)):
                console.print(Text.from_ansi(line), overflow="ellipsis", no_wrap=True, highlight=False)
            console.print()
    # fonts of the reader's machine, so that the picture loads nothing from elsewhere
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    picture = console.export_svg(title="mlops", code_format=form, unique_id="terminal")
    target = Path(__file__).with_name("terminal.svg")
    target.write_text("\n".join(line.rstrip() for line in picture.splitlines()) + "\n", encoding="utf-8")
    print(target)


if __name__ == "__main__":
    main()
