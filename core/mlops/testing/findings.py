"""Findings: what is not right with a plugin, each with the thing it is about and how to mend it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Severity = Literal["error", "warning", "note"]


class Finding(Struct, frozen=True):
    """One thing that a check has found. Only an ``error`` breaks the contract; a ``note`` says what was not looked at."""

    check: str
    severity: Severity
    subject: str
    problem: str
    hint: str = ""


class Check(Struct, frozen=True):
    """One check that was made: what it proves, in a sentence, and what it found. ``told`` is what was looked at."""

    name: str
    title: str
    told: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it found no error."""
        return not any(finding.severity == "error" for finding in self.findings)


class Report(Struct, frozen=True):
    """All checks of one plugin."""

    plugin: str
    version: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether no check found an error."""
        return all(check.passed for check in self.checks)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that was found, notes left out."""
        return tuple(one for check in self.checks for one in check.findings if one.severity != "note")


def told(finding: Finding) -> str:
    """Return a finding as text of one or two lines."""
    text = f"{finding.severity}: {finding.subject}: {finding.problem}"
    return f"{text}\n  hint: {finding.hint}" if finding.hint else text
