"""``mlops image``: the image of a pipeline's containers."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from mlops.cli import options

if TYPE_CHECKING:
    from mlops.configuration.targets import Target
    from mlops.image.context import ImageContext
    from mlops.image.path import ImagePath

_PLUGIN = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="NAME",
    help="A plugin to put in; without any, all that have nodes or serializers.",
)
_REQUIREMENTS = click.option(
    "--requirements",
    type=click.Path(exists=True, dir_okay=False),
    help="A hash-locked list of everything else; requirements.image.lock of the project, or what pip settles.",
)
_TAG = click.option("--tag", metavar="NAME:TAG", default="mlops:latest", show_default=True, help="The image's name.")


@click.group("image")
def image() -> None:
    """Build the image of a pipeline's containers and push it to Snowflake."""


@image.command("context")
@click.argument("folder", type=click.Path(file_okay=False))
@_PLUGIN
@_REQUIREMENTS
@options.as_json
def context(folder: str, plugins: tuple[str, ...], requirements: str | None, as_json: bool) -> None:
    """Write a folder from which any builder makes the image.

    It holds a Dockerfile, the wheels of the framework and the plugins, and a hash-locked list of everything else:
    no configuration and no credential.

    \b
    Examples:
      mlops image context build/image && podman build -t mlops build/image
    """
    written = _context(folder, plugins, requirements)
    if as_json:
        from mlops.cli.output import print_json

        print_json({"folder": written.folder, "versions": written.versions})
    else:
        click.echo(f"{written.folder}: {', '.join(f'{name} {one}' for name, one in written.versions.items())}")


@image.command("build")
@_TAG
@_PLUGIN
@_REQUIREMENTS
@click.option("--base", metavar="IMAGE", help="The image to start from, for example one pinned by its digest.")
@options.quiet
@options.as_json
def build(
    tag: str, plugins: tuple[str, ...], requirements: str | None, base: str | None, quiet: bool, as_json: bool
) -> None:
    """Build the image with Docker or podman.

    \b
    Examples:
      mlops image build
      mlops image build --tag mlops:1.4 --plugin mlops-churn
    """
    import json

    from mlops.image.engine import Engine

    engine = Engine()
    try:
        with tempfile.TemporaryDirectory(prefix="mlops-image-") as folder:
            written = _context(folder, plugins, requirements)
            arguments = {"VERSIONS": json.dumps(written.versions, sort_keys=True)} | ({"BASE": base} if base else {})
            identity, count = engine.build(written, tag, arguments=arguments, say=_progress(quiet or as_json))
    finally:
        engine.close()
    if as_json:
        from mlops.cli.output import print_json

        print_json({"image": tag, "id": identity, "bytes": count, "versions": written.versions})
    else:
        from mlops.quantities import size

        click.echo(f"{tag}  {identity[:19]}  {size(count)}")


@image.command("push")
@click.option("--tag", metavar="NAME:TAG", help="The local image; without it the name and tag of the target's image.")
@options.target
@options.connection
@options.quiet
@options.as_json
def push(tag: str | None, target: str | None, connection: str | None, quiet: bool, as_json: bool) -> None:
    """Push the image to the image repository of a target.

    The engine logs in with a token of the connection's own session. A repository that is missing is created.

    \b
    Examples:
      mlops image push --target prod
    """
    from mlops.image.engine import Engine
    from mlops.snowflake.images import pinned_image, registry_login, repository_url
    from mlops.snowflake.session import open_session

    project = options.project(target=target)
    path = _path(project.settings.chosen_target)
    engine = Engine()
    try:
        with open_session(
            project.settings, project.discovery.known, connection=connection, tag="mlops image"
        ) as session:
            repository = repository_url(session, path)
            login = registry_login(session)
            engine.push(
                tag or f"{path.name}:{path.tag}",
                f"{repository}/{path.name}",
                path.tag,
                login=login,
                say=_progress(quiet or as_json),
            )
            pinned = pinned_image(session, str(path))
    finally:
        engine.close()
    if as_json:
        from mlops.cli.output import print_json

        print_json({"image": str(path), "repository": repository, "digest": pinned.partition("@")[2] or None})
    else:
        click.echo(pinned)


def _path(target: Target) -> ImagePath:
    from mlops.compile.names import DEFAULT_IMAGE, image_path
    from mlops.errors import SettingsError
    from mlops.image.path import ImagePath

    text = image_path(
        target.image, database=target.database or "", schema=target.schema or "", repository=target.image_repository
    )
    path = ImagePath.parsed(text or "")
    if path is None:
        raise SettingsError(
            place=f"targets.{target.name}.image",
            problem=f"{target.image or DEFAULT_IMAGE!r} is in no image repository of the target",
            hint="name database and schema of the target, and write the image as name:tag, "
            "or as /database/schema/repository/name:tag",
        )
    return path


def _context(folder: str, plugins: tuple[str, ...], requirements: str | None) -> ImageContext:
    from mlops.image.context import write_context
    from mlops.image.parts import parts_of
    from mlops.image.requirements import FILE

    project = options.project()
    parts = parts_of(project.discovery.known, plugins)
    own = os.path.join(project.settings.root, FILE)
    constraints = os.path.join(project.settings.root, "requirements.lock")
    return write_context(
        folder,
        parts,
        requirements=requirements or (own if os.path.isfile(own) else None),
        constraints=constraints if os.path.isfile(constraints) else None,
        say=lambda line: click.echo(line, err=True),
    )


def _progress(quiet: bool) -> Callable[[str], None]:
    """Return what shows the lines of an engine: one that changes on a terminal, all of them elsewhere."""
    if quiet:
        return lambda line: None
    if not sys.stderr.isatty():
        return lambda line: click.echo(line, err=True)
    import shutil

    width = shutil.get_terminal_size().columns - 1
    return lambda line: click.echo(f"\r\x1b[2K{line[:width]}", nl=False, err=True)
