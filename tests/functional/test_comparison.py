"""``mlops runs compare`` from the command line: for people and as JSON."""

from __future__ import annotations

import json


def test_two_runs_are_compared_by_parameters_metrics_datasets_and_code(healthy, folder):
    for scale in ("1", "2"):
        healthy.mlops("run", "numbers", "-q", "--param", f"scale={scale}", cwd=folder)

    shown = healthy.mlops("runs", "compare", cwd=folder).stdout
    answer = json.loads(healthy.mlops("runs", "compare", "--json", cwd=folder).stdout)

    best = healthy.mlops("runs", "list", "--show", "scale", "--sort", "total", cwd=folder).stdout.splitlines()
    listed = json.loads(healthy.mlops("runs", "list", "--sort", "total", "--reverse", "--json", cwd=folder).stdout)

    assert (best[0].split()[5:7], [line.split()[7:9] for line in best[1:]]) == (
        ["SCALE", "TOTAL"],
        [["2", "728"], ["1", "364"]],
    )
    assert [one["shown"] for one in listed["runs"]] == [{"total": 364}, {"total": 728}]
    lines = [line.split() for line in shown.splitlines()]
    assert ["scale", "1.0", "2.0", "summarise"] in lines
    assert ["total", "364", "728", "+364", "(+100.0%)", "summarise"] in lines
    assert "not shown: 3 parameters that are the same, 3 datasets that are the same, 4 nodes" in shown
    assert [one["state"] for one in answer["runs"]] == ["succeeded", "succeeded"]
    assert {one["parameter"]: one["values"] for one in answer["parameters"] if one["differs"]} == {"scale": [1.0, 2.0]}
    assert [(one["metric"], one["values"], one["change"]) for one in answer["metrics"]] == [("total", [364, 728], 364)]
    assert {one["dataset"] for one in answer["datasets"] if one["differs"]} == {"total", "report"}
    assert [one["differs"] for one in answer["code"]] == [False, False]


def test_one_run_is_nothing_to_compare_and_the_mend_is_told(healthy, folder):
    healthy.mlops("run", "numbers", "-q", cwd=folder)

    ended = healthy.mlops("runs", "compare", cwd=folder)

    assert ended.returncode == 1
    assert "a comparison takes two runs, and there is one of 'numbers'" in ended.stderr
