"""Findings that an account gives rise to, and how to mend them."""

from __future__ import annotations

import pytest

from mlops.compile.objects import Deployment
from mlops.compile.privileges import HeldPrivilege
from mlops.errors import AccountError
from mlops.image.listing import ListedImage
from mlops.operate.checkup import Finding, Wanted, check_account, check_packages, failed
from mlops.operate.inspection import PoolState, Visitor


class Account:
    """An account with nothing in it but who asks, and the event table that it is given."""

    def __init__(self, role: str = "OWNER", event_table: str | None = None, *, reachable: bool = True) -> None:
        self._role, self._event_table, self._reachable = role, event_table, reachable

    def visitor(self) -> Visitor:
        if not self._reachable:
            raise AccountError("nobody answers", hint="look at the cable")
        return Visitor("ANNA", self._role, "ACME", "10.1", warehouse="WH")

    def has_schema(self, database: str, schema: str) -> bool:
        return False

    def has_warehouse(self, name: str) -> bool:
        return name == "WH"

    def has_stage(self, database: str, schema: str, name: str) -> bool:
        return False

    def is_enabled(self, notification_integration: str) -> bool | None:
        return {"MAIL": True, "OLD_MAIL": False}.get(notification_integration)

    def pool(self, name: str) -> PoolState | None:
        return None

    def images(self, database: str, schema: str, repository: str) -> tuple[ListedImage, ...] | None:
        return None

    def held(self, role: str) -> list[HeldPrivilege]:
        return []

    def event_table(self) -> str | None:
        return self._event_table


def found(account: Account, role: str | None = None) -> dict[str, Finding]:
    return {one.check: one for one in check_account(account, [], role=role)}


def test_an_account_that_keeps_no_logs_is_warned_of_it():
    without, with_one = found(Account()), found(Account(event_table="SNOWFLAKE.TELEMETRY.EVENTS"))

    assert without["event table"].state == "warning"
    assert "ALTER ACCOUNT SET EVENT_TABLE" in without["event table"].mend
    assert with_one["event table"].state == "ok"


def test_a_session_with_another_role_than_the_targets_fails():
    finding = found(Account("PUBLIC"), role="owner")["role"]

    assert (finding.state, finding.mend) == ("failed", "GRANT ROLE OWNER TO USER ANNA;")


def test_an_administrator_is_warned_that_containers_would_be_administrators():
    assert found(Account("ACCOUNTADMIN"))["role"].state == "warning"


@pytest.mark.parametrize(
    ("name", "state", "mend"),
    [
        ("mail", "ok", ""),
        ("old_mail", "failed", "ALTER NOTIFICATION INTEGRATION OLD_MAIL SET ENABLED = TRUE;"),
        ("none", "failed", "CREATE NOTIFICATION INTEGRATION NONE ...; GRANT USAGE ON INTEGRATION NONE TO ROLE OWNER;"),
    ],
)
def test_an_integration_that_would_tell_nobody_of_a_failure_fails(name: str, state: str, mend: str):
    wanted = Wanted(Deployment("shop", "p", "t", "APP", "PUBLIC", ()), (), name)

    finding = {one.check: one for one in check_account(Account(), [wanted], role=None)}[f"integration {name.upper()}"]

    assert (finding.state, finding.mend) == (state, mend)


def test_an_account_out_of_reach_is_one_finding_with_its_mend():
    assert list(check_account(Account(reachable=False), [], role=None)) == [
        Finding("connection", "failed", "nobody answers", "look at the cable")
    ]


def test_a_package_that_is_not_installed_fails():
    findings = list(check_packages({"snowflake-core": None, "snowflake-connector-python": "4.8.1"}))

    assert failed(findings)
    assert findings[0].said == "not installed: snowflake-core"
