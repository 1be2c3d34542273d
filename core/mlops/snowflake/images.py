"""Image repositories of Snowflake: where a registry is, how an engine logs in to it, and which digest a tag has.

Source: Snowflake documentation, "Working with an image registry and repository".
"""

from __future__ import annotations

import json

from mlops.image.listing import PUSH, ListedImage, listed_as
from mlops.image.path import ImagePath
from mlops.snowflake.session import SnowflakeSession


def repository_url(session: SnowflakeSession, path: ImagePath) -> str:
    """Return ``registry-host/database/schema/repository``; the repository is created where it is missing.

    Raises:
        AccountError: Snowflake refuses.
    """
    from snowflake.core.image_repository import ImageRepository

    from mlops.snowflake.refusals import refusals

    mend = "the role needs CREATE IMAGE REPOSITORY on the schema, or READ and WRITE on the repository"
    with refusals(f"the image repository {'.'.join(path[:3])}", hint=mend):
        schema = session.root.databases[path.database].schemas[path.schema]
        schema.image_repositories.create(ImageRepository(name=path.repository), mode="if_not_exists")
        found = schema.image_repositories[path.repository].fetch()
    return str(found.repository_url).removeprefix("https://")


def registry_login(session: SnowflakeSession) -> dict[str, str]:
    """Return user and password for the registry, made from this session and good for about an hour.

    It is what ``snow spcs image-registry token`` hands to ``docker login``; the connector has no public call for it.

    Raises:
        AccountError: Snowflake gives no token.
    """
    from mlops.snowflake.refusals import refusals

    rest = session.connection.rest
    assert rest is not None, "a connection that is open has one"
    with refusals("a token for the image registry"):
        data = rest._token_request("ISSUE")["data"]
    token = {"token": data["sessionToken"], "expires_in": data["validityInSecondsST"]}
    return {"username": "0sessiontoken", "password": json.dumps(token)}


def pinned_image(session: SnowflakeSession, image: str) -> str:
    """Return an image with the digest that its tag has now, so that a job runs what was deployed, whatever is pushed later.

    An image that has a digest already, or is in no repository of the account, is returned as it is.

    Raises:
        MissingError: there is no such repository, or it has no image of this name and tag.
        AccountError: the repository is not to be had.
    """
    path = ImagePath.parsed(image)
    if path is None:
        return image
    from mlops.snowflake.refusals import MissingError

    place = ".".join(path[:3]).upper()
    images = listed_images(session, path.database, path.schema, path.repository)
    if images is None:
        raise MissingError(
            f"there is no image repository {place} yet that the role may see",
            hint=f"mlops deploy creates it where the target owns it; then {PUSH}",
        )
    found = listed_as(images, path)
    if found is None:
        raise MissingError(f"image {image} is not pushed yet", hint=PUSH)
    return f"{image}@{found.digest}" if found.digest else image


def listed_images(
    session: SnowflakeSession, database: str, schema: str, repository: str
) -> tuple[ListedImage, ...] | None:
    """Return the images of a repository; None if there is none that the role may see.

    Raises:
        AccountError: they cannot be listed.
    """
    from mlops.snowflake.refusals import MissingError, refusals

    there = session.root.databases[database].schemas[schema].image_repositories[repository]
    try:
        with refusals(f"the images of {database}.{schema}.{repository}", hint="the role needs READ on the repository"):
            found = list(there.list_images_in_repository())
    except MissingError:
        return None
    return tuple(
        ListedImage(one.image_name or "", tuple(tag.strip() for tag in (one.tags or "").split(",")), one.digest or None)
        for one in found
    )
