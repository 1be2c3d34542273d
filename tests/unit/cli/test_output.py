"""What is printed as JSON is JSON, whatever was measured."""

from __future__ import annotations

import json
import math
import sqlite3

from mlops.cli.output import print_json, tell_error


def test_numbers_that_json_does_not_have_are_null(capsys):
    print_json({"metrics": {"loss": math.nan, "ratio": math.inf, "auc": 0.5}, "rows": [(1, math.nan)], "none": None})

    answer = json.loads(capsys.readouterr().out, parse_constant=lambda word: f"{word} is not JSON")
    assert answer == {"metrics": {"loss": None, "ratio": None, "auc": 0.5}, "rows": [[1, None]], "none": None}


def test_records_on_a_full_disk_are_told_without_a_traceback(capsys):
    code = tell_error(sqlite3.OperationalError("database or disk is full"), as_json=False, debug=False)

    told = capsys.readouterr().err
    assert (code, "Traceback" in told) == (1, False)
    assert "runs.db in the data folder, cannot be used: database or disk is full" in told
    assert "hint: make room" in told
