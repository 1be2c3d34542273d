"""Output as lines, and lines as rows: pieces that end anywhere, JSON that says more, and JSON that does not."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from mlops_embedded.catalog import ObjectName
from mlops_embedded.jobs.log_records import log_record
from mlops_embedded.jobs.logs import PREVIOUS, ContainerLog, tail
from mlops_embedded.jobs.service import Service, ServiceRequest

NOW = datetime(2027, 1, 1, tzinfo=timezone.utc)
JOB = Service(ServiceRequest(ObjectName("D", "S", "J"), "POOL", "spec"), "OWNER", ())


def test_pieces_become_lines_stream_by_stream(tmp_path: Path) -> None:
    said: list[tuple[str, str]] = []
    log = ContainerLog(tmp_path / "log.txt", lambda _time, stream, text: said.append((stream, text)))
    log.begin()

    for stream, piece in (("stdout", b"one\ntw"), ("stderr", b"oops"), ("stdout", b"o\r\nthree"), ("stderr", b"\n")):
        log.write(stream, piece)
    log.end()

    assert said == [("stdout", "one"), ("stdout", "two"), ("stderr", "oops"), ("stdout", "three")]
    assert (tmp_path / "log.txt").read_bytes() == b"one\ntwoopso\r\nthree\n"


def test_the_log_of_the_run_before_is_kept_beside(tmp_path: Path) -> None:
    log = ContainerLog(tmp_path / "log.txt")
    for text in (b"first", b"second"):
        log.begin()
        log.write("stdout", text)

    assert ((tmp_path / PREVIOUS).read_bytes(), tail(tmp_path / "log.txt", None)) == (b"first", "second")


@pytest.mark.parametrize(
    ("text", "value", "severity"),
    [
        ("plain", "plain", "INFO"),
        ('{"body": "b", "severity_text": "debug"}', "b", "DEBUG"),
        ('{"body": "b"}', "b", "INFO"),
        ('{"body": "b", "severity_text": 3}', "b", "INFO"),
        ('{"message": "b"}', '{"message": "b"}', "INFO"),
        ('{"body": ', '{"body": ', "INFO"),
        ('["body"]', '["body"]', "INFO"),
    ],
)
def test_a_line_is_read_as_json_only_if_it_has_a_body(text: str, value: str, severity: str) -> None:
    row = log_record(JOB, 0, "main", NOW, "stdout", text)

    assert (row.value, row.record["severity_text"]) == (value, severity)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ('"2027-01-02T03:04:05Z"', datetime(2027, 1, 2, 3, 4, 5, tzinfo=timezone.utc)),
        ('"2027-01-02T03:04:05+02:00"', datetime(2027, 1, 2, 1, 4, 5, tzinfo=timezone.utc)),
        ('"yesterday"', NOW),
        ("12", NOW),
    ],
)
def test_a_time_that_is_none_is_the_time_of_collection(given: str, read: datetime) -> None:
    row = log_record(JOB, 0, "main", NOW, "stdout", f'{{"body": "b", "timestamp": {given}}}')

    assert (row.timestamp, row.observed) == (read, NOW)
