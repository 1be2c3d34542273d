"""What is printed as JSON is JSON, whatever was measured."""

from __future__ import annotations

import json
import math

from mlops.cli.output import print_json


def test_numbers_that_json_does_not_have_are_null(capsys):
    print_json({"metrics": {"loss": math.nan, "ratio": math.inf, "auc": 0.5}, "rows": [(1, math.nan)], "none": None})

    answer = json.loads(capsys.readouterr().out, parse_constant=lambda word: f"{word} is not JSON")
    assert answer == {"metrics": {"loss": None, "ratio": None, "auc": 0.5}, "rows": [[1, None]], "none": None}
