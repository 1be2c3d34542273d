"""What locks the packages of an image: settled by pip, or a file that is checked before anything is built."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops.image.requirements import RequirementsError, check_locked, locked

HASH = f"--hash=sha256:{'ab' * 32}"
MakeWheel = Callable[..., Path]


@pytest.fixture
def make_wheel(tmp_path: Path) -> MakeWheel:
    """Makes a wheel without any code, with what it requires and its extras."""

    def make(name: str, version: str, *requires: str, extras: tuple[str, ...] = (), folder: str = "wheels") -> Path:
        said = [f"Name: {name}", f"Version: {version}", *(f"Provides-Extra: {extra}" for extra in extras)]
        metadata = "\n".join(["Metadata-Version: 2.1", *said, *(f"Requires-Dist: {one}" for one in requires), ""])
        path = tmp_path / folder / f"{name}-{version}-py3-none-any.whl"
        path.parent.mkdir(exist_ok=True)
        files = {"METADATA": metadata, "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
        with zipfile.ZipFile(path, "w") as wheel:
            record = ""
            for file, text in files.items():
                wheel.writestr(f"{name}-{version}.dist-info/{file}", text)
                digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
                record += f"{name}-{version}.dist-info/{file},sha256={digest},{len(text)}\n"
            wheel.writestr(f"{name}-{version}.dist-info/RECORD", f"{record}{name}-{version}.dist-info/RECORD,,\n")
        return path

    return make


def test_packages_of_an_index_are_settled_for_wheels_that_need_each_other(
    make_wheel: MakeWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    framework = make_wheel("house", "1.0", "alpha>=1; extra == 'data'", extras=("data",))
    plugin = make_wheel("guest", "0.3", "house")
    found = {version: make_wheel("alpha", version, folder="index") for version in ("1.0", "1.1", "2.0")}
    (tmp_path / "requirements.lock").write_text(
        f"alpha==1.1 ; python_version < '4' \\\n    {HASH}\n--only-binary :all:\n"
    )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    wheels = [str(plugin), str(framework), f"{framework}[data]"]

    newest = locked([], wheels)
    kept = locked([], wheels, str(tmp_path / "requirements.lock"))
    with pytest.raises(RequirementsError) as caught:
        locked(["beta==1"], wheels)

    hashes = {version: hashlib.sha256(path.read_bytes()).hexdigest() for version, path in found.items()}
    assert newest == f"alpha==2.0 \\\n    --hash=sha256:{hashes['2.0']}\n"
    assert kept == f"alpha==1.1 \\\n    --hash=sha256:{hashes['1.1']}\n"
    assert "No matching distribution found for beta==1" in caught.value.message


def test_an_index_with_a_password_is_told_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(RequirementsError) as caught:
        locked(["beta @ https://ana:planted-4e1d@127.0.0.1:9/beta-1-py3-none-any.whl"], [])

    assert "planted-4e1d" not in f"{caught.value}{caught.value.hint}"


def test_a_file_that_locks_everything_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "requirements.image.lock"
    file.write_text(
        f"# written by a tool\n--only-binary :all:\n--index-url https://index.example/simple\n"
        f"alpha==1.1 ; python_version < '4' \\\n    {HASH} \\\n    {HASH}\nBeta_Gamma[x]==2.0 {HASH}  # via alpha\n"
    )

    check_locked(str(file), [("beta-gamma", "2.0")])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("alpha>=1", "alpha>=1: without a version of its own (==)"),
        ("alpha", "alpha: without a version"),
        ("alpha==1.*", "alpha==1.*: without a version of its own (==)"),
        ("alpha==1.1", "alpha==1.1: without a hash"),
        (f"./plugins/alpha {HASH}", "from a path or an address, not from an index"),
        (f"alpha @ https://ana:planted@host/alpha.whl {HASH}", "alpha: from a path or an address"),
        ("-e ./plugins/alpha", "-e ./plugins/alpha: another file or folder is not in the image's context"),
        ("-r other.txt", "-r other.txt: another file"),
        ("--index-url https://ana:planted@host/simple", "--index-url with a user or password in its address"),
        (f"plugin==0.9 {HASH}", "plugin 1.0 is installed here, the file has 0.9"),
        ("", "plugin 1.0 is installed here, the file has none"),
    ],
)
def test_a_file_that_does_not_is_refused_with_its_line(tmp_path: Path, line: str, problem: str) -> None:
    file = tmp_path / "unpinned.txt"
    file.write_text(f"{line}\nplugin==1.0 {HASH}\n" if not problem.startswith("plugin") else f"{line}\n")

    with pytest.raises(RequirementsError) as caught:
        check_locked(str(file), [("plugin", "1.0")])

    assert problem in caught.value.message
    assert "planted" not in caught.value.message
    assert "--generate-hashes" in str(caught.value.hint)
