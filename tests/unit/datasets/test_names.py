"""File names: portable, and never one file for two names."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mlops.datasets.names import dataset_file_name, manifest_file_name, name_problem
from mlops.errors import DatasetError, NodeDefinitionError

names = some.text(min_size=1, max_size=40).filter(lambda name: name_problem(name) is None)


@pytest.mark.parametrize("name", ["train", "roc_curve", "x-1", "2024"])
def test_a_plain_name_is_its_own_file_name(name: str) -> None:
    assert dataset_file_name(name) == name


def test_a_manifest_is_named_for_distribution_and_node() -> None:
    assert manifest_file_name("mlops-churn:train_model") == "mlops-churn.train_model.manifest.json"


@given(names, names)
def test_two_names_are_two_files_where_case_and_unicode_forms_are_ignored(one: str, other: str) -> None:
    def folded(name: str) -> str:
        return unicodedata.normalize("NFKC", dataset_file_name(name).casefold())

    assert (folded(one) == folded(other)) == (one == other)


@given(names)
def test_a_file_name_is_short_ascii_without_dots_and_no_device_of_windows(name: str) -> None:
    file = dataset_file_name(name)

    assert file.isascii()
    assert file.isprintable()
    assert not set(file) & set('./\\:*?"<>|')
    assert len(file) <= 230
    assert file not in {"con", "nul", "aux", "prn", "com1", "lpt9"}


@pytest.mark.parametrize("pair", [("Train", "train"), ("a.b", "a_b"), ("con", "con_"), ("é", "e\u0301")])
def test_names_that_look_alike_to_a_file_system_are_kept_apart(pair: tuple[str, str]) -> None:
    assert dataset_file_name(pair[0]).casefold() != dataset_file_name(pair[1]).casefold()


def test_a_dataset_never_takes_the_name_of_a_manifest() -> None:
    assert dataset_file_name("mlops-churn.train_model.manifest") + ".json" != manifest_file_name(
        "mlops-churn:train_model"
    )


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("a/b", "path separator"),
        ("a\\b", "path separator"),
        ("..", "'..'"),
        ("a..b", "'..'"),
        ("a\nb", "control character"),
        ("a\0b", "control character"),
        ("ü" * 101, "longer than 200 bytes"),
    ],
)
def test_a_name_that_cannot_be_a_file_is_refused_with_the_reason(name: str, problem: str) -> None:
    with pytest.raises(DatasetError, match="cannot be stored under this name") as caught:
        dataset_file_name(name)
    assert problem in caught.value.message

    with pytest.raises(NodeDefinitionError) as refused:
        manifest_file_name(name)
    assert problem in refused.value.message
