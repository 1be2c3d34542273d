"""Pools belong to the account: destroying what one target deployed leaves those that another one uses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mlops.cli.destroy import _used_elsewhere
from mlops.configuration.settings import load_settings
from mlops.deploy.applying import apply
from mlops.deploy.destroying import destroy
from mlops.deploy.destruction import survey_of_destruction
from mlops.deploy.in_memory import InMemoryAccount
from mlops.deploy.survey import survey

from .graphs import OLD


def test_a_pool_that_another_target_uses_stays_though_nothing_of_its_schema_does() -> None:
    account = InMemoryAccount()
    with ThreadPoolExecutor(1) as threads:
        apply(survey(account, OLD, threads), account, threads)
        found = survey_of_destruction(
            account, threads, project="shop", pipeline=None, pools=["P"], with_pools=True, elsewhere={"P": "prod"}
        )
        destroy(found, account, threads)

    assert found.left == ("compute pool P stays: target prod uses it, too",)
    assert ("ComputePool", "P") in account._objects
    assert not [name for kind, name in account._objects if kind == "Task"]


def test_targets_of_one_account_with_other_schemas_use_a_pool_too_and_those_of_other_accounts_do_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "mlops.toml").write_text(
        """
        target = "dev"
        [targets.dev]
        connection = "main"
        database = "ML"
        schema = "DEV"
        pools.default = {name = "shared_pool"}
        [targets.prod]
        extends = "dev"
        schema = "PROD"
        [targets.same]
        extends = "dev"
        schema = "dev"
        pools.default = {name = "other_pool"}
        [targets.far]
        extends = "prod"
        connection = "far"
        pools.default = {name = "far_pool"}
        """
    )

    assert _used_elsewhere(load_settings(str(tmp_path), environ={})) == {"SHARED_POOL": "prod"}
