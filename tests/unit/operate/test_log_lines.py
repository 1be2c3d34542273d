"""Lines of a container's log, as they are written and as people read them."""

from __future__ import annotations

import json
import os
import time

import pytest

from mlops.operate.log_lines import parse, readable, unseen


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch):
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.setenv("TZ", before) if before else monkeypatch.delenv("TZ")
    time.tzset()


def said(**fields: object) -> str:
    return json.dumps(fields)


def test_a_structured_line_has_its_time_and_level_before_its_text():
    line = parse(said(timestamp="2026-11-25T10:00:00.5Z", severity_text="WARN", body="few rows"))

    assert readable(line) == ["10:00:00 WARN    few rows"]


def test_a_traceback_follows_its_message_in_lines_of_its_own():
    line = parse(
        said(
            timestamp="2026-11-25T10:00:00Z",
            severity_text="ERROR",
            body="no labels",
            attributes={"exception.stacktrace": "Traceback\n  raise ValueError"},
        )
    )

    assert readable(line) == [
        "10:00:00 ERROR   no labels",
        "                 Traceback",
        "                   raise ValueError",
    ]


@pytest.mark.parametrize("raw", ["plain words", "{not json", '{"no": "body"}', "[1]", ""])
def test_what_is_no_structured_line_stays_as_it_is(raw: str):
    assert readable(parse(raw)) == [raw]


def test_a_line_knows_the_node_that_wrote_it():
    assert parse(said(body="x", attributes={"mlops.node": "shop:load"})).node == "shop:load"


@pytest.mark.parametrize(
    ("before", "now", "fresh"),
    [
        ([], ["a"], ["a"]),
        (["a", "b"], ["a", "b"], []),
        (["a", "b"], ["a", "b", "c"], ["c"]),
        (["a", "b", "c"], ["c", "d"], ["d"]),
        (["a", "a"], ["a", "a", "a"], ["a"]),
        (["a"], ["x", "y"], ["x", "y"]),
    ],
)
def test_only_what_was_added_to_a_log_is_new(before: list[str], now: list[str], fresh: list[str]):
    assert unseen(before, now) == fresh
