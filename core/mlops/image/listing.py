"""The images that a repository lists, and which of them a specification means: for whoever pins one, and whoever looks for it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from mlops.image.path import ImagePath

PUSH = "mlops image build, then mlops image push"


class ListedImage(Struct, frozen=True):
    """One image as its repository lists it. Only what runs as a process on the embedded Snowflake has no digest."""

    name: str
    tags: tuple[str, ...] = ()
    digest: str | None = None


def listed_as(listed: Iterable[ListedImage], path: ImagePath, digest: str | None = None) -> ListedImage | None:
    """Return the image that a path means, None if it is not there: that of a digest, else that of a tag.

    One without a digest stands for all of its name: the embedded Snowflake runs it as a process, whatever its tag.
    """
    for one in listed:
        if one.name.lower() != path.name.lower():
            continue
        if one.digest is None or one.digest == digest or (digest is None and path.tag in one.tags):
            return one
    return None
