"""Which of the images that a repository lists a path means."""

from __future__ import annotations

import pytest

from mlops.image.listing import ListedImage, listed_as
from mlops.image.path import ImagePath

OLD = ListedImage("mlops", ("1.3",), "sha256:aa")
NEW = ListedImage("mlops", ("1.4", "latest"), "sha256:bb")
PROCESS = ListedImage("mlops", ("latest",))


@pytest.mark.parametrize(
    ("path", "digest", "found"),
    [
        ("/db/s/repo/mlops", None, NEW),
        ("/db/s/repo/mlops:1.3", None, OLD),
        ("/db/s/repo/mlops:1.4", "sha256:aa", OLD),
        ("/db/s/repo/MLOPS:1.4", None, NEW),
        ("/db/s/repo/mlops:1.5", None, None),
        ("/db/s/repo/mlops:1.4", "sha256:cc", None),
        ("/db/s/repo/other:1.4", None, None),
    ],
)
def test_an_image_is_found_by_its_digest_else_by_its_tag(
    path: str, digest: str | None, found: ListedImage | None
) -> None:
    wanted = ImagePath.parsed(path)
    assert wanted is not None

    assert listed_as([OLD, NEW], wanted, digest) == found


@pytest.mark.parametrize(("tag", "digest"), [("latest", None), ("1.4", None), ("1.4", "sha256:aa")])
def test_what_runs_as_a_process_stands_for_every_tag(tag: str, digest: str | None) -> None:
    assert listed_as([PROCESS], ImagePath("db", "s", "repo", "mlops", tag), digest) == PROCESS
