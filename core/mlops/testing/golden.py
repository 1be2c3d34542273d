"""Golden files: texts that are committed beside the tests, compared with what is made now, rewritten when asked."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path


class Golden:
    """The golden files of one test: a folder of its name in ``golden/`` beside it."""

    def __init__(self, folder: Path, *, rewrite: bool) -> None:
        self.folder, self.rewrite = folder, rewrite

    def check(self, files: Mapping[str, str]) -> None:
        """Compare texts by file name with the golden ones; with ``--mlops-rewrite`` make these equal.

        Raises:
            AssertionError: a file is missing, left over or differs; the message is the difference.
        """
        known = {str(path.relative_to(self.folder)): path for path in self.folder.rglob("*") if path.is_file()}
        if self.rewrite:
            for name, path in known.items():
                if name not in files:
                    path.unlink()
            for name, text in files.items():
                target = self.folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
            return
        before = {name: path.read_text(encoding="utf-8") for name, path in known.items()}
        difference = "".join(
            line
            for name in sorted({*before, *files})
            for line in unified_diff(
                before.get(name, "").splitlines(keepends=True),
                files.get(name, "").splitlines(keepends=True),
                f"golden/{name}" if name in before else "/dev/null",
                f"now/{name}" if name in files else "/dev/null",
            )
        )
        if difference:
            raise AssertionError(f"{difference}\nis this what you want? pytest --mlops-rewrite writes {self.folder}")
