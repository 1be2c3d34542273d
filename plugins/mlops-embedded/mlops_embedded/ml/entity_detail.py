"""ENTITY_DETAIL(domain, name, facts): the function that FeatureStore asks for tags with.

Snowflake does not document it. Its answer here has the two facts, and of these the keys, that snowflake-ml-python
reads (feature_store.py, `_lookup_tags` and `_lookup_tagged_objects`); every other fact is refused.
"""

from __future__ import annotations

import json
from typing import Any

from mlops_embedded.catalog import parse_name
from mlops_embedded.catalog.tags import TagReference, references_to, tags_of
from mlops_embedded.errors import unknown_here
from mlops_embedded.ml.tags import tagged
from mlops_embedded.sql.functions import Arguments, scalar_function
from mlops_embedded.sql.session import Session


@scalar_function("ENTITY_DETAIL")
def entity_detail(session: Session, arguments: Arguments) -> dict[str, Any]:
    domain, name = arguments.require(0).upper(), arguments.require(1)
    facts = json.loads(arguments.get(2, default="[]"))
    match domain, facts:
        case "TAG", ["TAG_REFERENCES_INTERNAL"]:
            tag = session.resolve(parse_name(name))
            session.catalog.get("tag", tag)
            references = references_to(session.catalog, tag)
            return {"referencedEntities": {"tagReferenceList": [_reference(r) for r in references]}}
        case _, ["TAG_REFERENCES"]:
            references = tags_of(session.catalog, tagged(session, domain, name))
            return {"tagReferencesInfo": {"tagReferenceList": [_reference(r) for r in references]}}
    raise unknown_here(f"ENTITY_DETAIL of {domain} with {', '.join(map(str, facts)) or 'no facts'}")


def _reference(reference: TagReference) -> dict[str, Any]:
    tag, on = reference.tag, reference.on
    return {
        "tagDatabase": tag.database, "tagSchema": tag.schema, "tagName": tag.name, "tagValue": reference.value,
        "domain": on.domain, "entityDatabase": on.name.database, "entitySchema": on.name.schema,
        "entityName": on.name.name,
    }  # fmt: skip
