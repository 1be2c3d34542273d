"""The wheels of an image's parts: which of them fit into it, and what must not be in any."""

from __future__ import annotations

import os
import re
import zipfile

from mlops.errors import ProjectError
from mlops.image.requirements import PYTHON, normal

_SECRET_FILE = re.compile(
    r"(?:^|/)(?:\.env(?:\.[^/]*)?|\.netrc|\.pypirc|connections\.toml|id_(?:rsa|ed25519|ecdsa)|[^/]*\.(?:p8|pfx|p12))$"
)
_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64}")
_LARGEST = 1_000_000
"""Bytes of a file that is looked into: keys and settings are small."""


class ContextError(ProjectError):
    """The folder cannot be made: a plugin does not build or must not be in an image, or something else is there."""


def of_wheel(path: str) -> tuple[str, str]:
    """Return the distribution's name, as names are compared, and the version that the name of a wheel's file tells."""
    name, version, *_ = os.path.basename(path).split("-")
    return normal(name), version


def check_wheel(path: str) -> None:
    """Refuse a wheel that an image cannot hold, or must not.

    Raises:
        ContextError: it is for another machine or another Python, or has a file that looks like a credential.
    """
    file = os.path.basename(path)
    name = of_wheel(path)[0]
    *_, python, _, platform = file.removesuffix(".whl").split("-")
    series = f"cp{PYTHON.replace('.', '')}"
    if not any(one in ("py3", series) or one.startswith("py3") for one in python.split(".")) or not any(
        one == "any" or ("linux" in one and one.endswith("x86_64")) for one in platform.split(".")
    ):
        raise ContextError(
            f"the wheel of {name} is for {python}-{platform}, and the image is Python {PYTHON} on linux/amd64",
            hint=f"build it there, install that wheel from an index, or leave {name} out with --plugin",
        )
    with zipfile.ZipFile(path) as wheel:
        for one in wheel.infolist():
            held = one.file_size <= _LARGEST and _PRIVATE_KEY.search(wheel.read(one))
            if held or _SECRET_FILE.search(one.filename):
                raise ContextError(
                    f"the wheel of {name} has {one.filename!r}, which looks like a credential: it would be in the image",
                    hint="leave it out of the package, see include and exclude of its build backend",
                )
