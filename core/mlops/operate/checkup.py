"""A check-up: from what a project wants and what is there to findings, each with how to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from mlops.compile.deployment import WRITE_A_TARGET
from mlops.compile.objects import Deployment
from mlops.compile.privileges import Privilege, merged, missing
from mlops.compile.statement import parts_of
from mlops.errors import AccountError, MlopsError
from mlops.image.listing import PUSH, listed_as
from mlops.image.path import ImagePath
from mlops.operate.deployed import DeployedPipeline
from mlops.operate.inspection import Inspection, Visitor

ADMINISTRATOR = "ACCOUNTADMIN"


class Finding(Struct, frozen=True):
    """One thing that was looked at. ``mend`` says what to do; what is only a warning does not keep anything from working."""

    check: str
    state: Literal["ok", "warning", "failed"]
    said: str
    mend: str = ""


class Wanted(Struct, frozen=True):
    """What a pipeline needs on the target: its deployment, and the privileges of the role that deploys and owns it.

    ``notification`` is the integration that failures are told through.
    """

    deployment: Deployment
    privileges: tuple[Privilege, ...]
    notification: str | None = None


def failed(findings: Iterable[Finding]) -> bool:
    """Tell whether something keeps the project from working."""
    return any(one.state == "failed" for one in findings)


def check_packages(versions: Mapping[str, str | None]) -> Iterator[Finding]:
    """Tell which of Snowflake's packages are installed; ``versions`` has None for one that is not."""
    there = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    absent = [name for name, version in versions.items() if version is None]
    if absent:
        yield Finding(
            "packages",
            "failed",
            f"not installed: {', '.join(absent)}",
            "pip install 'mlops-framework[snowflake]'",
        )
    else:
        yield Finding("packages", "ok", there)


def no_target() -> Finding:
    """Tell that nothing of the project can be deployed, which a project that only runs here need not mend."""
    said = "the project declares no target: its pipelines run on this machine, and are deployed nowhere"
    return Finding("target", "warning", said, f"to deploy them {WRITE_A_TARGET}")


def check_pipelines(
    wanted: Sequence[Wanted], refused: Mapping[str, MlopsError], deployed: Sequence[DeployedPipeline] | None
) -> Iterator[Finding]:
    """Tell which pipelines can be deployed as they are installed, and which are deployed for other versions."""
    for pipeline, problem in refused.items():
        yield Finding(f"pipeline {pipeline}", "failed", problem.message, problem.hint or f"mlops plan {pipeline}")
    known = {one.name: one for one in deployed or ()}
    for each in wanted:
        name = each.deployment.pipeline
        there = known.get(name)
        if there is None:
            said = "fits the target" if deployed is None else "fits the target; not deployed"
            yield Finding(f"pipeline {name}", "ok", said)
            continue
        other = {
            distribution: version
            for distribution, version in each.deployment.versions.items()
            if there.ownership.versions.get(distribution, version) != version
        }
        if other:
            said = ", ".join(
                f"{distribution} {there.ownership.versions[distribution]}, here is {version}"
                for distribution, version in other.items()
            )
            yield Finding(f"pipeline {name}", "warning", f"deployed for {said}", f"mlops deploy {name}")
        else:
            yield Finding(f"pipeline {name}", "ok", "deployed for the versions that are installed")


def check_account(inspection: Inspection, wanted: Sequence[Wanted], *, role: str | None) -> Iterator[Finding]:
    """Look at everything that the pipelines need in the account; ``role`` is the one that the target names.

    The first failure to reach Snowflake ends the check-up: it is the last finding.
    """
    try:
        yield from _account(inspection, wanted, role)
    except AccountError as problem:
        yield Finding("connection", "failed", problem.message, problem.hint or "mlops doctor --session")


def _account(inspection: Inspection, wanted: Sequence[Wanted], role: str | None) -> Iterator[Finding]:
    visitor = inspection.visitor()
    yield Finding("connection", "ok", f"account {visitor.account}, user {visitor.user}, Snowflake {visitor.version}")
    yield _role(visitor, role)
    yield from _place(inspection, wanted)
    yield _warehouse(inspection, visitor)
    yield from _privileges(inspection, wanted, visitor)
    yield from _pools(inspection, wanted)
    yield from _images(inspection, wanted)
    yield from _stages(inspection, wanted)
    yield from _notifications(inspection, wanted, visitor)
    table = inspection.event_table()
    if table is None:
        mend = "ALTER ACCOUNT SET EVENT_TABLE = database.schema.table; until then logs go with their containers"
        yield Finding("event table", "warning", "the account keeps no logs of containers", mend)
    else:
        yield Finding("event table", "ok", f"logs are kept in {table}")


def _role(visitor: Visitor, role: str | None) -> Finding:
    if role is not None and visitor.role != role.upper():
        mend = f"GRANT ROLE {role.upper()} TO USER {visitor.user};"
        return Finding("role", "failed", f"the session has role {visitor.role}, the target names {role.upper()}", mend)
    if visitor.role == ADMINISTRATOR:
        mend = "name a role of its own in the target; mlops grants prints what it needs"
        return Finding(
            "role", "warning", f"{ADMINISTRATOR} would own the tasks, and their containers would run as it", mend
        )
    return Finding("role", "ok", visitor.role)


def _place(inspection: Inspection, wanted: Sequence[Wanted]) -> Iterator[Finding]:
    for database, schema in dict.fromkeys((one.deployment.database, one.deployment.schema) for one in wanted):
        if inspection.has_schema(database, schema):
            yield Finding("schema", "ok", f"{database}.{schema}")
        else:
            mend = f"CREATE SCHEMA {database}.{schema}; or GRANT USAGE on both to the role"
            yield Finding("schema", "failed", f"{database}.{schema} does not exist, or the role may not see it", mend)


def _warehouse(inspection: Inspection, visitor: Visitor) -> Finding:
    if visitor.warehouse is None:
        mend = "name a warehouse in the target or its connection, and grant USAGE on it"
        return Finding("warehouse", "warning", "the session has none, so nothing can be asked about runs", mend)
    if not inspection.has_warehouse(visitor.warehouse):
        mend = f"GRANT USAGE ON WAREHOUSE {visitor.warehouse} TO ROLE {visitor.role};"
        return Finding("warehouse", "failed", f"{visitor.warehouse} does not exist, or the role may not use it", mend)
    return Finding("warehouse", "ok", visitor.warehouse)


def _privileges(inspection: Inspection, wanted: Sequence[Wanted], visitor: Visitor) -> Iterator[Finding]:
    if visitor.role == ADMINISTRATOR:
        yield Finding("privileges", "ok", f"{ADMINISTRATOR} holds those that an account has to give")
        return
    needed = merged(privilege for one in wanted for privilege in one.privileges)
    lacking = missing(needed, inspection.held(visitor.role))
    there = _existing(inspection, wanted)
    for one in lacking:
        what = " ".join(filter(None, [one.privilege, "on", one.kind.lower(), one.name]))
        if one.privilege.startswith("CREATE ") and one.why in there:
            continue  # what it would create is there already
        yield Finding("privileges", "failed", f"role {visitor.role} lacks {what}: {one.why}", one.grant(visitor.role))
    if not lacking:
        yield Finding("privileges", "ok", f"role {visitor.role} holds all {len(needed)} that are needed")


def _existing(inspection: Inspection, wanted: Sequence[Wanted]) -> set[str]:
    """Return, as privileges give their reasons, what is there already and need not be created."""
    found = set()
    for one in wanted:
        at = one.deployment
        found |= {f"pool {pool.name}" for pool in at.compute_pools if inspection.pool(pool.name) is not None}
        for stage in at.stages:
            if inspection.has_stage(at.database, at.schema, stage.name):
                found.add(f"stage {stage.name} for datasets")
        for repository in at.image_repositories:
            if inspection.images(at.database, at.schema, repository.name) is not None:
                found.add(f"repository {repository.name}")
    return found


def _pools(inspection: Inspection, wanted: Sequence[Wanted]) -> Iterator[Finding]:
    for pool in {pool.name: pool for one in wanted for pool in one.deployment.compute_pools}.values():
        there = inspection.pool(pool.name)
        check = f"pool {pool.name}"
        if there is None and pool.managed:
            yield Finding(check, "ok", "mlops deploy creates it")
        elif there is None:
            mend = f"GRANT USAGE ON COMPUTE POOL {pool.name}, or let the target create it: managed = true"
            yield Finding(check, "failed", "it does not exist, or the role may not use it", mend)
        elif there.state.upper() in ("SUSPENDED", "STOPPING") and not there.auto_resume:
            mend = f"ALTER COMPUTE POOL {pool.name} RESUME;"
            yield Finding(check, "failed", f"it is {there.state} and does not resume by itself", mend)
        else:
            yield Finding(check, "ok", f"{there.state}, {there.instance_family}, at most {there.max_nodes} nodes")


def _images(inspection: Inspection, wanted: Sequence[Wanted]) -> Iterator[Finding]:
    for image in dict.fromkeys(path for one in wanted for path in _image_paths(one.deployment)):
        check = f"image {image}"
        tagged, _, digest = image.partition("@")
        path = ImagePath.parsed(tagged)
        if path is None:
            continue
        database, schema, repository = (part.upper() for part in path[:3])
        listed = inspection.images(database, schema, repository)
        if listed is None:
            mend = f"mlops deploy creates it where the target owns it; then {PUSH}"
            yield Finding(check, "warning", f"there is no repository {database}.{schema}.{repository} yet", mend)
        elif listed_as(listed, path, digest or None) is None:
            yield Finding(check, "failed", "the repository does not have it", PUSH)
        else:
            yield Finding(check, "ok", "the repository has it")


def _image_paths(deployment: Deployment) -> Iterator[str]:
    import yaml

    texts = [service.specification for service in deployment.services]
    texts += [text for task in deployment.tasks if (text := parts_of(task.definition)[1]) is not None]
    for text in texts:
        for container in (yaml.safe_load(text) or {}).get("spec", {}).get("containers", ()):
            image = str(container.get("image", ""))
            yield image if image.startswith("/") else "/" + image.partition("/")[2]


def _notifications(inspection: Inspection, wanted: Sequence[Wanted], visitor: Visitor) -> Iterator[Finding]:
    for name in dict.fromkeys(one.notification.upper() for one in wanted if one.notification is not None):
        check, enabled = f"integration {name}", inspection.is_enabled(name)
        if enabled is None:
            mend = (
                f"CREATE NOTIFICATION INTEGRATION {name} ...; GRANT USAGE ON INTEGRATION {name} TO ROLE {visitor.role};"
            )
            said = "it does not exist, or the role may not use it: nobody would be told of a failure"
            yield Finding(check, "failed", said, mend)
        elif not enabled:
            mend = f"ALTER NOTIFICATION INTEGRATION {name} SET ENABLED = TRUE;"
            yield Finding(check, "failed", "it is not enabled: nobody would be told of a failure", mend)
        else:
            yield Finding(check, "ok", "failures are told through it")


def _stages(inspection: Inspection, wanted: Sequence[Wanted]) -> Iterator[Finding]:
    for database, schema, name in dict.fromkeys(
        (one.deployment.database, one.deployment.schema, stage.name)
        for one in wanted
        for stage in one.deployment.stages
    ):
        there = inspection.has_stage(database, schema, name)
        yield Finding(f"stage {name}", "ok", "it is there" if there else "mlops deploy creates it")
