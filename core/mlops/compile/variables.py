"""Variables of containers: those that mlops sets, and those that may not be set; and parameters that may not.

Source: Snowflake documentation, "Execute SQL from a container" (what Snowflake sets itself).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlops.compile.notification import VARIABLE
from mlops.credentials import credentials_within, looks_like_a_credential, looks_like_a_secret
from mlops.errors import MlopsError, ParameterError, SettingsError

OWN_VARIABLES = (
    "MLOPS_PIPELINE", "MLOPS_DATA", "MLOPS_AUTH", "MLOPS_VERSIONS", "MLOPS_LOG_FORMAT", "MLOPS_PARAMETERS", VARIABLE,
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def check_variables(env: Mapping[str, str], place: str, problems: list[MlopsError]) -> None:
    """Put what may not be a variable of a container into ``problems``."""
    for name, value in env.items():
        if not _NAME.match(name):
            reason, hint = f"{name!r} is not the name of a variable", "use letters, digits and '_'"
        elif name.startswith("SNOWFLAKE_") and name != "SNOWFLAKE_WAREHOUSE":
            reason, hint = f"{name} is set by Snowflake itself", "remove it: the container has it already"
        elif name in OWN_VARIABLES:
            reason, hint = f"{name} is set by mlops itself", "remove it, or choose another name"
        elif looks_like_a_credential(name) or (isinstance(value, str) and looks_like_a_secret(value)):
            reason, hint = (
                f"{name} looks like a credential, and a specification is readable",
                f'keep it in a secret: [[targets.NAME.secrets]] secret = "db.schema.name", variable = "{name}"',
            )
        elif not isinstance(value, str):
            reason, hint = f"{name} is {value!r}, and variables are text", f'write "{value}"'
        elif "$$" in value:
            reason, hint = f"{name} holds $$, which ends the specification in its statement", "write it another way"
        else:
            continue
        problems.append(SettingsError(place=f"{place}.{name}", problem=reason, hint=hint))


def credentials_among(parameters: Mapping[str, Mapping[str, object]]) -> list[MlopsError]:
    """Return what is wrong with parameters, by full name of their node: a credential would be in the task graph's CONFIG.

    Names within lists and mappings count (``{"db": {"password": …}}``). What is a count, or empty as the default of an
    optional one is, gives nothing away: see ``holds_a_credential``.
    """
    problems: list[MlopsError] = []
    for node, values in parameters.items():
        for name in credentials_within(values):
            variable = re.sub(r"\W+", "_", name).strip("_").upper()
            problems.append(
                ParameterError(
                    parameter=name,
                    problem=f"it is named or looks like a credential of node {node!r}, and whoever may see the task graph would read "
                    "its value",
                    hint=f'keep it in a secret: [[targets.NAME.secrets]] secret = "db.schema.name", variable = "{variable}"; '
                    f"the node reads os.environ[{variable!r}]",
                )
            )
    return problems


def is_variable(name: str) -> bool:
    """Tell whether a variable can have this name."""
    return bool(_NAME.match(name))
