"""YAML text: whatever is written is read back the same, by libyaml and by Python."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlops.compile.yaml_text import to_yaml

texts = st.text(st.characters(codec="utf-8"), max_size=20) | st.from_regex(r"[ -~\n]{0,40}", fullmatch=True)
awkward = st.sampled_from(
    ["yes", "No", "NULL", "~", "1", "1.5", "1e3", "0x1f", "2026-01-01", "1:30", "a: b", "a:", "- a", "# a", "'", '"', "",
     " a", "a ", "a\n", "a\n\n", "a\n b\n", "\na\n", "a #b\n", "@a", "%a", "&a", "*a", "!a", "|", ">", "é", "a\tb", "<<",
     "a\u2028b", "\ufeff", "\x85", "?", "=", "{", "[", "USING CRON 0 2 * * * UTC", "no way", "a 'b' \"c\"", "a * b", "$$", "--task", "/db/schema/repo/image:tag"]
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | awkward
data = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | awkward, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(texts | awkward, data, max_size=5) | st.lists(data, max_size=5))
def test_what_is_written_is_read_back_the_same_by_both_readers(value):
    if not value:
        return
    text = to_yaml(value)

    assert yaml.load(text, yaml.CSafeLoader) == value
    assert yaml.load(text, yaml.SafeLoader) == value


def test_it_is_written_as_people_write_it():
    text = to_yaml(
        {"spec": {"containers": [{"name": "main", "args": ["--task", "a:b"], "env": {}}], "volumes": []}, "on": "1"}
    )

    assert text.splitlines() == [
        "spec:",
        "  containers:",
        "  - name: main",
        "    args:",
        "    - '--task'",
        "    - a:b",
        "    env: {}",
        "  volumes: []",
        "'on': '1'",
    ]


def test_what_is_not_plain_data_is_refused():
    with pytest.raises(TypeError, match="object is not plain data"):
        to_yaml({"a": object()})
