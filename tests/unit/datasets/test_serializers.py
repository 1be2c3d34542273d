"""Which serializer stores a type, decided by names."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PosixPath

import matplotlib.figure
import numpy
import pandas
import polars
import pyarrow
import pytest
from sklearn.linear_model import LogisticRegression

from mlops.datasets.serializers import Facts, Serializer, Serializers, UnstorableError, builtin, type_names
from mlops.errors import PluginError, UnknownNameError


@dataclass
class Report:
    title: str


class Frame(pandas.DataFrame):
    """A DataFrame of a plugin."""


class GeoSerializer(Serializer):
    name = "geo"
    extension = ".geo"
    types = (f"{__name__}.Frame",)

    def write(self, value: object, path: Path) -> Facts:
        path.write_text("geo")
        return Facts()

    def read(self, path: Path, as_type: str | None) -> object:
        return path.read_text()


class OwnParquet(GeoSerializer):
    name = "own-parquet"
    extension = ".own"
    types = ("pandas.core.frame.DataFrame",)


@pytest.mark.parametrize(
    ("kind", "serializer"),
    [
        (pandas.DataFrame, "parquet"),
        (pandas.Series, "parquet"),
        (polars.DataFrame, "parquet"),
        (polars.Series, "parquet"),
        (pyarrow.Table, "parquet"),
        (Frame, "parquet"),
        (numpy.ndarray, "npy"),
        (numpy.float64, "json"),
        (dict, "json"),
        (type(None), "json"),
        (Report, "json"),
        (bytes, "bytes"),
        (PosixPath, "file"),
        (LogisticRegression, "skops"),
        (matplotlib.figure.Figure, "figure"),
        (object, None),
        (type, None),
    ],
)
def test_a_type_is_storable_by_the_names_of_its_mro(kind: type, serializer: str | None) -> None:
    assert builtin().storable(type_names(kind)) == serializer


@pytest.mark.parametrize(
    "name", ["pandas.DataFrame", "polars.DataFrame", "numpy.typing.NDArray", "sklearn.svm.SVC", "xgboost.XGBClassifier"]
)
def test_a_type_is_storable_by_the_name_that_its_library_makes_public(name: str) -> None:
    assert builtin().storable((name,)) is not None


def test_deciding_imports_nothing() -> None:
    program = (
        "import sys; from mlops.datasets.serializers import builtin\n"
        "assert builtin().storable(('polars.DataFrame',)) == 'parquet'\n"
        "assert builtin().for_value({'a': 1}).name == 'json'\n"
        "heavy = {'pandas', 'polars', 'pyarrow', 'numpy', 'sklearn', 'skops', 'matplotlib', 'hashlib', 'threading'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )

    answer = subprocess.run([sys.executable, "-S", "-c", program], env={"PYTHONPATH": ":".join(sys.path)},
                            capture_output=True, text=True, check=True)  # fmt: skip

    assert answer.stdout.strip() in ("[]", "['threading']")


def test_the_nearest_type_decides_and_a_plugin_comes_before_what_is_built_in() -> None:
    serializers = builtin([("kit-geo", GeoSerializer()), ("kit-own", OwnParquet())])

    assert serializers.for_value(Frame()).name == "geo"
    assert serializers.for_value(pandas.DataFrame()).name == "own-parquet"
    assert serializers.for_value(pandas.Series(dtype=float)).name == "parquet"


def test_two_plugins_that_store_one_type_are_an_error_that_names_both() -> None:
    class Other(GeoSerializer):
        name = "other"

    with pytest.raises(PluginError) as caught:
        builtin([("kit-geo", GeoSerializer()), ("kit-other", Other())])

    assert "kit-geo and kit-other both store the type" in caught.value.message


@pytest.mark.parametrize("first", ["kit-geo", "json"])
def test_two_serializers_of_one_name_are_an_error(first: str) -> None:
    class Twin(GeoSerializer):
        name = "geo" if first == "kit-geo" else "json"
        types = ()

    plugins: list[tuple[str, Serializer]] = [("kit-twin", Twin())]
    if first == "kit-geo":
        plugins.insert(0, ("kit-geo", GeoSerializer()))

    with pytest.raises(PluginError, match="both have a serializer named"):
        builtin(plugins)


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"name": None}, "has no name"),
        ({"extension": "geo"}, "has the extension 'geo'"),
        ({"extension": ".manifest.json"}, "has the extension"),
        ({"types": "pandas.DataFrame"}, "is a text"),
    ],
)
def test_a_malformed_serializer_is_an_error_that_names_the_plugin(attributes: dict[str, object], problem: str) -> None:
    malformed = type("Malformed", (GeoSerializer,), attributes)()

    with pytest.raises(PluginError, match=problem) as caught:
        builtin([("kit-geo", malformed)])

    assert caught.value.plugin == "kit-geo"


def test_something_else_than_a_serializer_is_an_error() -> None:
    with pytest.raises(PluginError, match="no Serializer"):
        builtin([("kit-geo", GeoSerializer)])  # type: ignore[list-item]  # the class, by mistake


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ((number for number in range(3)), "list(...)"),
        (lambda: 1, "what it computes"),
        (object(), "allow_pickle = true"),
    ],
)
def test_a_value_that_nothing_stores_is_refused_with_what_to_return_instead(value: object, hint: str) -> None:
    with pytest.raises(UnstorableError) as caught:
        builtin().for_value(value)

    assert hint in (caught.value.hint or "")


def test_pickle_stores_what_nothing_else_does_if_the_project_allows_it() -> None:
    allowed = builtin(allow_pickle=True)

    assert allowed.for_value(object()).name == "pickle"
    assert allowed.storable(("shop.models.Custom", "builtins.object")) == "pickle"
    assert allowed.for_value(pandas.DataFrame()).name == "parquet"


def test_a_pickle_is_not_read_where_the_project_does_not_allow_it() -> None:
    with pytest.raises(UnstorableError, match="runs code") as caught:
        builtin().by_name("pickle")

    assert "[tool.mlops.datasets]" in (caught.value.hint or "")
    assert builtin().by_extension(".pickle") is None


def test_a_serializer_that_is_not_installed_is_an_error_that_says_where_it_was() -> None:
    with pytest.raises(UnknownNameError, match="'geo'") as caught:
        builtin().by_name("geo")

    assert "plugin" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("extension", "name"), [(".parquet", "parquet"), (".JSON", "json"), (".png", "png"), (".xyz", None), ("", None)]
)
def test_a_file_is_read_by_its_extension(extension: str, name: str | None) -> None:
    found = builtin().by_extension(extension)

    assert (found.name if found else None) == name


def test_serializers_can_be_built_without_the_built_in_ones() -> None:
    alone = Serializers([], [("kit-geo", GeoSerializer())])

    assert alone.storable(("builtins.dict",)) is None
