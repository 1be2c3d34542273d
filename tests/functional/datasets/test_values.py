"""Arrays, figures, bytes and models, through the store and back."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.extra import numpy as some_numpy
from matplotlib.figure import Figure
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlops.datasets.serializers import builtin
from mlops.datasets.store import FileStore
from mlops.errors import DatasetError


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FileStore:
    return FileStore(tmp_path_factory.mktemp("churn") / "run-1", builtin())


dtypes = some.one_of(
    some_numpy.scalar_dtypes(),
    some_numpy.unicode_string_dtypes(max_len=5),
    some_numpy.array_dtypes(some_numpy.integer_dtypes(), min_size=1, max_size=3),
)


@given(some.data())
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
def test_every_array_comes_back_with_dtype_shape_and_bytes(store: FileStore, data: some.DataObject) -> None:
    shape = data.draw(some_numpy.array_shapes(min_dims=0, min_side=0, max_side=4))
    array = data.draw(some_numpy.arrays(data.draw(dtypes), shape))

    back = store.read(store.write("array", array))

    assert isinstance(back, numpy.ndarray)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_memory_order_and_views_come_back_as_values(store: FileStore) -> None:
    fortran = numpy.asfortranarray(numpy.arange(12.0).reshape(3, 4))
    view = numpy.arange(100)[::7]

    assert store.read(store.write("fortran", fortran)).flags.f_contiguous  # type: ignore[attr-defined]  # an array
    assert numpy.array_equal(store.read(store.write("view", view)), view)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    ("array", "hint"),
    [
        (numpy.array([1, "a", None], dtype=object), "astype"),
        (numpy.matrix([[1, 2]]), "numpy.asarray"),
        (numpy.ma.masked_array([1, 2], [True, False]), "numpy.asarray"),
    ],
)
def test_an_array_that_would_lose_something_is_refused(store: FileStore, array: object, hint: str) -> None:
    with pytest.raises(DatasetError) as caught:
        store.write("array", array)

    assert hint in (caught.value.hint or "")


@given(some.binary(max_size=200_000))
@settings(max_examples=20, deadline=None)
def test_bytes_come_back(store: FileStore, value: bytes) -> None:
    assert store.read(store.write("bytes", value)) == value


def roc() -> Figure:
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([0, 0.2, 1], [0, 0.9, 1], label="größe")
    return figure


def test_a_figure_is_kept_as_png_and_svg(store: FileStore) -> None:
    record = store.write("roc", roc())

    assert record.path == "roc.figure"
    assert store.read(record).startswith(b"\x89PNG")  # type: ignore[attr-defined]  # bytes
    assert b"<svg" in store.read(record, "svg")  # type: ignore[operator]  # bytes
    assert store.read(record, "path") == Path(store.folder, "roc.figure", "roc.png")


def test_equal_figures_are_equal_bytes(store: FileStore) -> None:
    assert store.write("roc", roc()).sha256 == store.write("roc", roc()).sha256


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_picture_can_be_written_alone(tmp_path: Path, ending: str) -> None:
    serializer = builtin().by_extension(f".{ending}")
    assert serializer is not None

    serializer.write(roc(), tmp_path / f"roc.{ending}")
    serializer.write(roc(), tmp_path / f"roc.{ending}")

    assert serializer.read(tmp_path / f"roc.{ending}", None) == (tmp_path / f"roc.{ending}").read_bytes()


random = numpy.random.default_rng(7)
X = random.normal(size=(200, 4))
y = (X[:, 0] + X[:, 1] > 0).astype(int)


class Majority(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator of a plugin."""

    def fit(self, X: object, y: object) -> Majority:  # noqa: N803  # scikit-learn's names
        self.classes_ = numpy.unique(y)
        return self

    def predict_proba(self, X: numpy.ndarray) -> numpy.ndarray:  # noqa: N803  # as above
        return numpy.full((len(X), 2), 0.5)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        HistGradientBoostingClassifier(max_iter=5),
        RandomForestClassifier(5, random_state=1),
        make_pipeline(StandardScaler(), SelectKBest(f_classif, k=2), LogisticRegression()),
        make_pipeline(
            ColumnTransformer(
                [("kinds", OneHotEncoder(handle_unknown="ignore"), [0]), ("rest", "passthrough", [1, 2])]
            ),
            LogisticRegression(),
        ),
        make_pipeline(FunctionTransformer(numpy.abs), LogisticRegression()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_model_of_scikit_learn_comes_back_and_predicts_the_same(store: FileStore, model: BaseEstimator) -> None:
    model.fit(X, y)

    record = store.write("model", model)
    back = store.read(record)

    assert record.serializer == "skops"
    assert isinstance(back, type(model))
    assert numpy.array_equal(back.predict_proba(X), model.predict_proba(X))


def test_a_model_with_a_type_of_its_own_is_refused_by_name_and_pickled_if_that_is_allowed(tmp_path: Path) -> None:
    model = Majority().fit(X, y)

    with pytest.raises(DatasetError, match=r"not trusted: .*test_values\.Majority") as caught:
        FileStore(tmp_path, builtin()).write("model", model)
    assert "allow_pickle = true" in (caught.value.hint or "")

    store = FileStore(tmp_path, builtin(allow_pickle=True))
    record = store.write("model", model)
    assert record.serializer == "pickle"
    assert isinstance(store.read(record), Majority)


@pytest.mark.parametrize("function", [numpy.save, numpy.testing.rundocs, numpy.fromfile])
def test_a_model_that_calls_what_runs_commands_or_touches_files_is_refused(store: FileStore, function: object) -> None:
    with pytest.raises(DatasetError, match="not trusted: numpy"):
        store.write("model", FunctionTransformer(function))


def test_a_file_with_a_type_that_is_not_trusted_is_not_read(tmp_path: Path) -> None:
    import skops.io

    store = FileStore(tmp_path, builtin())
    (tmp_path / "model.skops").write_bytes(skops.io.dumps(Majority().fit(X, y)))
    record = store.adopt("model", tmp_path / "model.skops")

    with pytest.raises(DatasetError, match="not trusted"):
        store.read(record)


def test_a_model_with_a_function_of_a_plugin_is_refused_by_name(store: FileStore) -> None:
    with pytest.raises(DatasetError, match=r"not trusted: .*<lambda>") as caught:
        store.write("model", FunctionTransformer(lambda rows: rows))

    assert "scikit-learn's own parts" in (caught.value.hint or "")


def test_lightgbm_models_come_back(store: FileStore) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lightgbm's own, on feature names
        model = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(X, y)
        booster = store.read(store.write("booster", model.booster_))
        wrapped = store.read(store.write("wrapped", model))

        assert numpy.array_equal(booster.predict(X), model.booster_.predict(X))  # type: ignore[attr-defined]  # a Booster
        assert numpy.array_equal(wrapped.predict_proba(X), model.predict_proba(X))  # type: ignore[attr-defined]  # as above


def test_xgboost_models_come_back(store: FileStore) -> None:
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBClassifier(n_estimators=5).fit(X, y)

    booster = store.read(store.write("booster", model.get_booster()))
    wrapped = store.read(store.write("wrapped", model))

    matrix = xgboost.DMatrix(X)
    assert numpy.array_equal(booster.predict(matrix), model.get_booster().predict(matrix))  # type: ignore[attr-defined]  # a Booster
    assert numpy.array_equal(wrapped.predict_proba(X), model.predict_proba(X))  # type: ignore[attr-defined]  # as above
