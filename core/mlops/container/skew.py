"""Version skew: an image that holds other versions than the graph was deployed for."""

from __future__ import annotations

from collections.abc import Mapping

from mlops.errors import ProjectError


class VersionSkewError(ProjectError):
    """The image holds another version of the framework or of a plugin. ``differences`` is name → (in image, deployed)."""

    def __init__(self, differences: Mapping[str, tuple[str, str]]) -> None:
        self.differences = differences
        images = " and ".join(f"{name} {held}" for name, (held, _) in differences.items())
        graphs = " and ".join(f"{name} {deployed}" for name, (_, deployed) in differences.items())
        super().__init__(
            f"image has {images}, graph was deployed for {graphs}",
            hint="rebuild the image (mlops image build, mlops image push), or deploy the graph for this one",
        )


def refuse_skew(deployed: Mapping[str, str], held: Mapping[str, str]) -> None:
    """Raise when a version in the image is not the one that the graph was deployed for.

    Only what this container uses is compared: ``held`` names the framework and the distributions of its nodes.

    Raises:
        VersionSkewError: every difference.
    """
    differences = {
        name: (version, deployed[name]) for name, version in held.items() if deployed.get(name, version) != version
    }
    if differences:
        raise VersionSkewError(differences)
