"""What all containers of a deployment share: the image, the stage with the datasets, variables and secrets."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from mlops.compile.names import qualified
from mlops.compile.specification import SecretMount
from mlops.compile.variables import check_variables, is_variable
from mlops.configuration.targets import Secret, Target
from mlops.errors import MlopsError, SettingsError
from mlops.graph import Graph


class Shared(Struct, frozen=True):
    """What all containers of a deployment share: the image as a path, the stage by its full name, variables, secrets."""

    pipeline: str
    image: str
    stage: str
    warehouse: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[SecretMount, ...] = ()
    log_level: str = "INFO"
    metric_groups: tuple[str, ...] = ()


def shared_by(
    graph: Graph, target: Target, *, image: str, stage: str, warehouse: str | None, problems: list[MlopsError]
) -> Shared:
    """Return what all containers of a pipeline share on a target."""
    place = f"targets.{target.name}"
    check_variables(target.env, f"{place}.env", problems)
    return Shared(
        pipeline=graph.pipeline.name,
        image=image,
        stage=stage,
        warehouse=warehouse,
        env=target.env,
        secrets=tuple(
            _secret(secret, f"{place}.secrets[{index}]", stage.rpartition(".")[0], problems)
            for index, secret in enumerate(target.secrets)
        ),
        log_level=target.log_level,
        metric_groups=target.metric_groups,
    )


def _secret(secret: Secret, place: str, schema: str, problems: list[MlopsError]) -> SecretMount:
    name = qualified(secret.secret)
    if name is None:
        problems.append(
            SettingsError(
                place=place, problem=f"{secret.secret!r} is not the name of a secret", hint="write database.schema.name"
            )
        )
        name = ""
    if (secret.variable is None) == (secret.folder is None):
        problems.append(
            SettingsError(
                place=place, problem="a secret is given as a variable or as a folder", hint="write one of the two"
            )
        )
    if secret.variable is not None and secret.key is None:
        problems.append(
            SettingsError(
                place=place,
                problem=f"variable {secret.variable!r} needs the key of the secret",
                hint='write key = "secret_string", "username", "password" or "access_token"',
            )
        )
    if secret.variable is not None and not is_variable(secret.variable):
        problems.append(SettingsError(place=place, problem=f"{secret.variable!r} is not the name of a variable"))
    if secret.folder is not None and (not secret.folder.startswith("/") or secret.key is not None):
        problems.append(
            SettingsError(
                place=place, problem="a folder is an absolute path, and has no key", hint='write folder = "/secrets/x"'
            )
        )
    parts = name.split(".")
    return SecretMount(
        snowflake_secret=".".join([*schema.split(".")[: 3 - len(parts)], *parts]),
        directory_path=secret.folder,
        env_var_name=secret.variable,
        secret_key_ref=secret.key,
    )
