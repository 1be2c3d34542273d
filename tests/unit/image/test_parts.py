"""Where the parts of an image come from, and which wheels may be in one."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlops.image.parts import Part, PartError, parts_of
from mlops.image.wheels import ContextError, check_wheel
from mlops.plugins.knowledge import Knowledge

Install = Callable[[dict[str, Any] | None], Knowledge]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a distribution without code, from where a ``direct_url.json`` says."""

    def install(origin: dict[str, Any] | None) -> Knowledge:
        info = tmp_path / "site" / "lodger-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lodger\nVersion: 1.2\n")
        if origin is not None:
            (info / "direct_url.json").write_text(json.dumps(origin))
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        return Knowledge("lodger", "1.2", "")

    return install


def test_a_plugin_of_an_index_is_taken_from_there(install: Install) -> None:
    assert parts_of([install(None)], ["lodger"])[1] == Part("lodger", "1.2")


@pytest.mark.parametrize("editable", [True, False])
def test_a_folder_is_built_whether_it_was_installed_editable_or_not(
    install: Install, tmp_path: Path, editable: bool
) -> None:
    folder = tmp_path / "my plugin"
    folder.mkdir()
    known = install({"url": folder.as_uri(), "dir_info": {"editable": editable}})

    assert parts_of([known], ["lodger"])[1] == Part("lodger", "1.2", str(folder))


def test_a_wheel_that_is_still_there_is_taken_as_it_is(install: Install, tmp_path: Path) -> None:
    wheel = tmp_path / "lodger-1.2-py3-none-any.whl"
    wheel.touch()
    known = install({"url": wheel.as_uri(), "archive_info": {}})

    assert parts_of([known], ["lodger"])[1] == Part("lodger", "1.2", str(wheel))


@pytest.mark.parametrize(
    ("origin", "place"),
    [
        ({"url": "file:///gone/lodger-1.2-py3-none-any.whl", "archive_info": {}}, "which is gone"),
        ({"url": "https://ana:planted@host.example/lodger", "vcs_info": {"vcs": "git"}}, "git at host.example"),
        ({"url": "https://host.example/lodger.whl", "archive_info": {}}, "https at host.example"),
    ],
)
def test_what_cannot_be_had_again_is_refused_with_its_place(install: Install, origin, place: str) -> None:
    with pytest.raises(PartError) as caught:
        parts_of([install(origin)], ["lodger"])

    assert place in caught.value.message
    assert "planted" not in caught.value.message
    assert "pip install ./lodger" in str(caught.value.hint)


KEY = f"-----BEGIN PRIVATE KEY-----\n{'A' * 64}\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("lodger/.env", "A=1", "'lodger/.env', which looks like a credential"),
        ("lodger/connections.toml", "", "connections.toml"),
        ("lodger/rsa_key.p8", "", "rsa_key.p8"),
        ("lodger/settings.py", f'KEY = """{KEY}"""', "settings.py"),
    ],
)
def test_a_wheel_with_a_credential_in_it_is_refused(tmp_path: Path, file: str, content: str, problem: str) -> None:
    path = tmp_path / "lodger-1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(file, content)

    with pytest.raises(ContextError, match="it would be in the image") as caught:
        check_wheel(str(path))

    assert problem in caught.value.message


@pytest.mark.parametrize(
    ("tags", "fits"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", True),
        ("cp312-cp312-linux_x86_64", False),
        ("cp311-cp311-macosx_14_0_arm64", False),
        ("py3-none-linux_aarch64", False),
    ],
)
def test_a_wheel_for_another_machine_or_python_is_refused(tmp_path: Path, tags: str, fits: bool) -> None:
    path = tmp_path / f"lodger-1.2-{tags}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("lodger/words.py", 'BEGIN = "-----BEGIN PRIVATE KEY-----"')

    if fits:
        check_wheel(str(path))
    else:
        with pytest.raises(ContextError, match=r"Python 3\.11 on linux/amd64"):
            check_wheel(str(path))
