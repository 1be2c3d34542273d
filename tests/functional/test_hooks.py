"""Hooks keep their policy: observers never fail or hang a run, guards may veto, and the order is the one that is printed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from mlops.plugins.hooks import Hooks
from mlops.plugins.knowledge import HookPlugin, Knowledge
from mlops.plugins.order import call_order


def run(environment, folder: Path, *words: str, **variables: str) -> dict:
    return json.loads(environment.mlops("run", "numbers", "--json", *words, cwd=folder, **variables).stdout)


def state(answer: dict, node: str) -> str:
    return next(row["state"] for row in answer["nodes"] if row["node"].endswith(f":{node}"))


def test_an_observer_that_raises_is_a_warning_of_the_run(healthy, folder):
    answer = run(healthy, folder)

    assert answer["state"] == "succeeded"
    assert answer["warnings"] == ["hook after_pipeline_run of kit-hooks: RuntimeError: an observer that raises"]


@pytest.mark.parametrize("executor", ["inline", "process"])
def test_an_observer_that_hangs_is_told_and_left_behind(healthy, folder, executor):
    begun = time.monotonic()

    answer = run(
        healthy, folder, "--executor", executor, KIT_HOOKS_HANG="make_numbers", MLOPS_HOOK_TIMEOUT="0.3",
        KIT_HOOKS_FILE=str(folder / "seen"),
    )  # fmt: skip

    seen = (folder / "seen").read_text()
    assert answer["state"] == "succeeded"
    assert any(
        "hook before_node_run of kit-hooks: it did not come back within 0.3 s" in one for one in answer["warnings"]
    )
    assert "after_node_run make_numbers" not in seen, "an observer of a plugin that hung was called again"
    assert ("before_node_run make_table" in seen) == (executor == "process"), "each process starts with patience"
    assert time.monotonic() - begun < 30


def test_a_guard_vetoes_with_all_its_reasons_and_nothing_of_the_node_is_committed(healthy, folder):
    answer = run(healthy, folder, KIT_HOOKS_REFUSE="total", KIT_HOOKS_FILE=str(folder / "seen"))

    (error,) = [row["error"] for row in answer["nodes"] if row["error"]]
    assert (answer["state"], state(answer, "summarise"), state(answer, "write_report")) == (
        "failed",
        "failed",
        "skipped",
    )
    assert error["type"] == "VetoError"
    assert "what node 'summarise' returned is refused by kit-hooks" in error["message"]
    assert "dataset 'total': float is not wanted" in error["message"]
    assert "dataset 'total': on no account" in error["message"]
    assert not list(Path(answer["folder"]).glob("total*")) + list(Path(answer["folder"]).glob("largest*"))
    assert "on_node_error summarise VetoError" in (folder / "seen").read_text()


def test_a_person_is_told_a_veto_once_and_without_the_traceback_of_mlops(healthy, folder):
    shown = healthy.mlops("run", "numbers", "-q", cwd=folder, KIT_HOOKS_REFUSE="total", KIT_HOOKS_FILE="seen").stdout

    assert shown.count("what node 'summarise' returned is refused") == 1
    assert "Traceback" not in shown
    assert "File " not in shown


def test_a_guard_that_breaks_vetoes_too(healthy, folder):
    answer = run(healthy, folder, KIT_HOOKS_BREAK_ON="numbers")

    (error,) = [row["error"] for row in answer["nodes"] if row["error"]]
    assert state(answer, "make_numbers") == "failed"
    assert "its hook check_dataset raised LookupError: a guard that breaks" in error["message"]
    assert "MLOPS_DISABLE_PLUGINS=kit-hooks" in error["hint"]


HOOKED = """
from mlops import hookimpl
calls = []
@hookimpl({options})
def before_node_run(attempt):
    import {first}
    {first}.calls.append("{name}")
"""


def test_hooks_are_called_in_the_order_that_is_known_without_importing_them(tmp_path, monkeypatch):
    places = {
        "order_a": "last",
        "order_b": "",
        "order_c": "first",
        "order_d": "",
        "order_e": "first",
        "order_f": "last",
    }
    for name, place in places.items():
        options = f"try{place}=True" if place else ""
        (tmp_path / f"{name}.py").write_text(HOOKED.format(options=options, name=name, first="order_a"))
    monkeypatch.syspath_prepend(str(tmp_path))
    known = [
        Knowledge(name, "1", "", hooks=(HookPlugin("own", name, ("before_node_run",), {"before_node_run": place} if place else {}),))
        for name, place in places.items()
    ]  # fmt: skip
    hooks = Hooks(known, ["before_node_run"])

    hooks.observe("before_node_run", attempt=1)

    import order_a

    assert hooks.errors == []
    assert order_a.calls == [distribution for distribution, _ in call_order(known, "before_node_run")]
    assert order_a.calls == ["order_c", "order_e", "order_b", "order_d", "order_a", "order_f"]


def test_plugins_show_prints_the_order_of_the_calls(healthy, folder):
    ended = healthy.mlops("plugins", "show", "kit-hooks", cwd=folder)
    answer = json.loads(healthy.mlops("plugins", "show", "kit-hooks", "--json", cwd=folder).stdout)

    assert "check_dataset         guard     kit-hooks" in ended.stdout
    assert answer["hook_order"]["before_node_run"] == ["kit-hooks"]
