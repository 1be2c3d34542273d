"""Archives of models: equal models are equal bytes, and read back they are what they were."""

from __future__ import annotations

import json
from io import BytesIO
from zipfile import ZipFile

import numpy
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mlops.datasets.model_archive import SCHEMA, reproducible

ROWS = numpy.random.default_rng(0).random((60, 3))
CLASSES = ROWS[:, 0] > 0.5


def trained(kind):
    return make_pipeline(StandardScaler(), kind()).fit(ROWS, CLASSES)


def read(archive: bytes):
    return skops.io.loads(archive, trusted=skops.io.get_untrusted_types(data=archive))


KINDS = [
    LogisticRegression,
    lambda: RandomForestClassifier(n_estimators=5, random_state=0),
    lambda: HistGradientBoostingClassifier(max_iter=5, random_state=0),
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_was_trained_again_to_the_same_weights_is_the_same_bytes(kind):
    first, second = (skops.io.dumps(trained(kind)) for _ in range(2))

    assert first != second
    assert reproducible(first) == reproducible(second)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_back_predicts_as_before(kind):
    model = trained(kind)

    again = read(reproducible(skops.io.dumps(model)))

    assert (again.predict_proba(ROWS) == model.predict_proba(ROWS)).all()


def test_another_model_is_other_bytes():
    other = trained(LogisticRegression)
    other[-1].coef_ = other[-1].coef_ + 1e-9

    assert reproducible(skops.io.dumps(trained(LogisticRegression))) != reproducible(skops.io.dumps(other))


def test_a_set_is_the_same_bytes_in_whatever_order_a_process_holds_it():
    def archive(*names: str) -> bytes:
        made = BytesIO()
        items = [{"__loader__": "JsonNode", "content": f'"{name}"', "__id__": id(name)} for name in names]
        with ZipFile(made, "w") as target:
            target.writestr(SCHEMA, json.dumps({"seasons": {"__loader__": "SetNode", "content": items, "__id__": 7}}))
        return made.getvalue()

    assert reproducible(archive("spring", "autumn")) == reproducible(archive("autumn", "spring"))
    assert reproducible(archive("spring", "autumn")) != reproducible(archive("spring", "winter"))


def test_parts_that_are_one_object_stay_one_object():
    shared = numpy.arange(3.0)
    transformer = FunctionTransformer(numpy.add, kw_args={"file": shared, "__id__": shared, "data": b"\0bytes"})

    again = read(reproducible(skops.io.dumps(transformer)))

    assert again.kw_args["file"] is again.kw_args["__id__"]
    assert again.kw_args["file"].tolist() == [0.0, 1.0, 2.0]
    assert again.kw_args["data"] == b"\0bytes"


def test_the_archive_says_no_time_and_names_its_parts_by_number():
    with ZipFile(BytesIO(reproducible(skops.io.dumps(trained(LogisticRegression))))) as archive:
        entries = archive.infolist()

    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [entry.filename for entry in entries] == [*(f"{n + 1}.npy" for n in range(len(entries) - 1)), SCHEMA]
