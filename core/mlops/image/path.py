"""Where an image is in an account: database, schema, repository, name and tag."""

from __future__ import annotations

from typing import NamedTuple


class ImagePath(NamedTuple):
    """An image as specifications name it: ``/database/schema/repository/name:tag``."""

    database: str
    schema: str
    repository: str
    name: str
    tag: str

    @classmethod
    def parsed(cls, text: str) -> ImagePath | None:
        """Return the parts of a path without a digest; None for one that is in no repository of this account."""
        parts = text.strip("/").split("/")
        if not text.startswith("/") or len(parts) != 4 or "@" in text:
            return None
        name, _, tag = parts[3].partition(":")
        return cls(parts[0], parts[1], parts[2], name, tag or "latest")

    def __str__(self) -> str:
        return f"/{self.database}/{self.schema}/{self.repository}/{self.name}:{self.tag}"
