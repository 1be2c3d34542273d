"""One run of the six nodes on the Telco customers, called as plain functions, that many tests look at."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlops_churn
import pandas as pd
import pytest
from mlops_churn import nodes

from mlops import Context


@dataclass(frozen=True)
class Run:
    customers: pd.DataFrame
    clean: pd.DataFrame
    features: pd.DataFrame
    train: pd.DataFrame
    test: pd.DataFrame
    training: dict[str, Any]
    evaluated: dict[str, Any]
    logged: dict[str, float]


@pytest.fixture(scope="session")
def run() -> Run:
    context = Context()
    made = nodes.generate_data(context=context)
    clean = nodes.preprocess_data(made["customers"], context=context)
    features = nodes.engineer_features(clean)
    parts = nodes.train_test_split(features)
    training = nodes.train_model(parts["train"], context=context)
    evaluated = nodes.evaluate_model(**training, test=parts["test"], data_origin=made["data_origin"], context=context)
    logged = {metric.name: metric.value for metric in context.metrics}
    return Run(made["customers"], clean, features, parts["train"], parts["test"], training, evaluated, logged)


@pytest.fixture
def run_python() -> Callable[..., str]:
    """Run a script in a new interpreter that imports the plugin from where this one does; return what it prints."""
    place = str(Path(mlops_churn.__file__).parent.parent)

    def run(script: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([place, os.environ.get("PYTHONPATH", "")])},
        )
        return done.stdout

    return run
