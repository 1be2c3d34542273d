"""Specification templates: values go where the variables are, and what is wrong with either is said."""

from __future__ import annotations

import pytest
import yaml
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.jobs.specifications.templates import Value, render


@pytest.mark.parametrize(
    ("template", "given", "rendered"),
    [
        ("image: /d/s/r/i:{{ tag }}", {"tag": "latest"}, "image: /d/s/r/i:latest"),
        ("port: {{PORT}}", {"PORT": 8000}, "port: 8000"),
        ("public: {{ p }}", {"p": True}, "public: true"),
        ("cpu: {{ c }}", {"c": -1.5}, "cpu: -1.5"),
        ("image: {{ image }}", {"image": ' "/d/s/r/i:latest" '}, "image: /d/s/r/i:latest"),
        ("name: {{ n | default('Bob') }}", {}, "name: Bob"),
        ("name: {{ n | default('Bob') }}", {"n": ""}, "name: "),
        ("name: {{ n | default('Bob', false) }}", {"n": ""}, "name: "),
        ("name: {{ n | default('Bob', true) }}", {"n": ""}, "name: Bob"),
        ("port: {{ p | default(80) }}", {}, "port: 80"),
    ],
)
def test_a_variable_becomes_its_value_or_its_default(template: str, given: dict[str, Value], rendered: str) -> None:
    assert render(template, given) == rendered


def test_a_json_value_becomes_a_part_of_the_document() -> None:
    text = render("env: {{ env }}\nargs: {{ args }}", {"env": '{"PORT": 8000, "WHO": "Bob"}', "args": '["-n", 2]'})

    assert yaml.safe_load(text) == {"env": {"PORT": 8000, "WHO": "Bob"}, "args": ["-n", 2]}


@pytest.mark.parametrize(
    ("template", "given", "reason"),
    [
        ("{{ tag }}", {}, "'tag' has neither a value in USING nor a default"),
        ("{{ Tag }}", {"tag": "x"}, "'Tag' has neither"),
        ("{{ tag }}", {"tag": "1", "other": "2"}, "gives 'other', which the template does not have"),
        ("{{ tag }}", {"tag": "v1.0"}, """Write text as a JSON string: '"v1.0"'"""),
        ("{% for x in y %}{{ x + 1 }}", {}, "is no template variable"),
    ],
)
def test_a_template_that_cannot_be_made_says_why(template: str, given: dict[str, Value], reason: str) -> None:
    with pytest.raises(SnowflakeError) as caught:
        render(template, given)

    assert reason in caught.value.message
