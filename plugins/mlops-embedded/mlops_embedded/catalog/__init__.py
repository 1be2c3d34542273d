"""Every object of the account that is not a table's rows, in one store that SQL and REST share."""

from mlops_embedded.catalog.identifiers import ObjectName, normalize, parse_name, quote
from mlops_embedded.catalog.store import Catalog, Document

__all__ = ["Catalog", "Document", "ObjectName", "normalize", "parse_name", "quote"]
