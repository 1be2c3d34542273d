"""The HTTP face of a resource: its routes, made from what it declares.

Query parameters are as strict as bodies: one that an operation does not have is refused with 400.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Route

from mlops_embedded.catalog import ObjectName, quote
from mlops_embedded.catalog.tags import Tagged, set_tag, tags_of, unset_tag
from mlops_embedded.rest.fields import READ_ONLY, Field, Record, identifier, integer, list_of, required
from mlops_embedded.rest.resource import Action, CreateMode, Creation, Filter, Level, Resource
from mlops_embedded.server.resources import ApiAnswer, ApiRequest, bad_request, endpoint
from mlops_embedded.sql.session import Session

Handler = Callable[[Session, ApiRequest], ApiAnswer]

_TAG = {"tag_database": Field(identifier), "tag_schema": Field(identifier), "tag_name": required(identifier)}
_TAGS_TO_SET = list_of(Record({**_TAG, "tag_value": required(), "level": READ_ONLY}))
_TAGS_TO_UNSET = list_of(Record(_TAG))


class _IdentifierConvertor(Convertor[str]):
    """A name in a URL: quoted, with any character in it, or plain; `:verb` and the next part are not of it."""

    regex = '"(?:[^"]|"")+"|[^/":]+'

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("identifier", _IdentifierConvertor())


def success(message: str = "Statement executed successfully.") -> ApiAnswer:
    return ApiAnswer({"status": message})


def collection_path(resource: Resource) -> str:
    """Return the path of all objects of a kind: /databases/{database}/schemas/{schema}/tasks."""
    inside = {Level.ACCOUNT: "", Level.DATABASE: "/databases/{database:identifier}"}.get(
        resource.level, "/databases/{database:identifier}/schemas/{schema:identifier}"
    )
    return f"{inside}/{resource.path}"


def object_path(resource: Resource) -> str:
    """Return the path of one object: /databases/{database}/schemas/{schema}/tasks/{name}."""
    return collection_path(resource) + "/{name:identifier}"


def object_name(request: ApiRequest, name: object | None = None) -> ObjectName:
    """Return the resolved name that a path means; `name` is the stored name of a body that has yet to be created."""
    given = {part: identifier(value, part) for part, value in request.path_params.items() if part in _PARTS}
    if name is not None:
        given["name"] = str(name)
    return ObjectName(given.get("database"), given.get("schema"), given["name"])


_PARTS = {"database", "schema", "name"}


def only_parameters(request: ApiRequest, known: Collection[str]) -> None:
    """Refuse query parameters that this operation does not have."""
    unknown = sorted(set(request.query) - set(known))
    if unknown:
        has = f"it has {', '.join(sorted(known))}" if known else "it has none"
        raise bad_request(f"{request.method} {request.path} has no query parameter {unknown[0]!r}; {has}")


def whole_number(request: ApiRequest, name: str, minimum: int, maximum: int) -> int | None:
    """Return a whole number from the query, None if it is not there."""
    value = request.query.get(name)
    if value is None:
        return None
    if not value.isdigit():
        raise bad_request(f"query parameter {name} must be a whole number, not {value!r}")
    return int(integer(minimum, maximum)(int(value), f"query parameter {name}"))


def read_filter(request: ApiRequest, known: Collection[str]) -> Filter:
    """Return the filter that a list is asked for."""
    only_parameters(request, known)
    query = request.query
    limit = whole_number(request, "showLimit", 1, 10_000)
    return Filter(query.get("like"), query.get("startsWith"), limit, query.get("fromName"))


def routes(resource: Resource, *, fetch: bool = True) -> list[Route]:
    """Return create, list, fetch, create-or-alter, drop, actions and tags, as far as the resource has them."""
    path, one = collection_path(resource), object_path(resource)
    made = [
        _route(path, "POST", _create(resource)),
        _route(path, "GET", _list(resource)),
        _route(one, "DELETE", _drop(resource)),
    ]
    if fetch:
        made.append(_route(one, "GET", _fetch(resource)))
    if resource.alter is not None and resource.put:
        made.append(_route(one, "PUT", _put(resource)))
    for verb, action in resource.actions.items():
        made.append(_route(f"{one}:{verb}", "POST", _act(resource, action)))
    if resource.tag_domain is not None:
        made += [
            _route(f"{one}:set-tags", "POST", _set_tags(resource, resource.tag_domain)),
            _route(f"{one}:unset-tags", "POST", _unset_tags(resource, resource.tag_domain)),
            _route(f"{one}:get-tags", "GET", _get_tags(resource, resource.tag_domain)),
        ]
    return made


def _route(path: str, method: str, handler: Handler) -> Route:
    return Route(path, endpoint(handler), methods=[method])


def create_mode(request: ApiRequest) -> CreateMode:
    given = request.query.get("createMode", CreateMode.ERROR_IF_EXISTS.value)
    try:
        return CreateMode(given)
    except ValueError:
        known = ", ".join(mode.value for mode in CreateMode)
        raise bad_request(f"createMode must be one of {known}, not {given!r}") from None


def _create(resource: Resource) -> Handler:
    def create(session: Session, request: ApiRequest) -> ApiAnswer:
        only_parameters(request, {"createMode", *resource.create_parameters})
        properties = resource.body(request.body)
        name = object_name(request, properties.pop("name"))
        asked = Creation(name, properties, create_mode(request), request.query)
        if resource.create_object(session, asked):
            return success(f"{resource.words.capitalize()} {name.name} successfully created.")
        return success(f"{name.name} already exists, statement succeeded.")

    return create


def _put(resource: Resource) -> Handler:
    def create_or_alter(session: Session, request: ApiRequest) -> ApiAnswer:
        only_parameters(request, resource.create_parameters)
        properties = resource.body(request.body)
        name = object_name(request)
        if properties.pop("name") != name.name:
            raise bad_request(f"the body's name is not {quote(name.name)}, which the path names")
        created = resource.create_or_alter(session, Creation(name, properties, query=request.query))
        return success(f"{resource.words.capitalize()} {name.name} successfully {'created' if created else 'altered'}.")

    return create_or_alter


def _list(resource: Resource) -> Handler:
    def list_objects(session: Session, request: ApiRequest) -> ApiAnswer:
        wanted = read_filter(request, resource.filters)
        parent = object_name(request, "")
        resource.require_scope(session, parent)
        found = resource.listed(session, wanted, parent.database, parent.schema)
        return ApiAnswer([resource.json(session, document) for document in found])

    return list_objects


def _fetch(resource: Resource) -> Handler:
    def fetch(session: Session, request: ApiRequest) -> ApiAnswer:
        only_parameters(request, ())
        return ApiAnswer(resource.json(session, resource.get(session, object_name(request))))

    return fetch


def _drop(resource: Resource) -> Handler:
    def drop(session: Session, request: ApiRequest) -> ApiAnswer:
        only_parameters(request, {"ifExists", *resource.drop_parameters})
        name = object_name(request)
        if resource.drop_object(session, name, if_exists=request.flag("ifExists")):
            return success(f"{name.name} successfully dropped.")
        return success(f"Drop statement executed successfully ({name.name} already dropped).")

    return drop


def _act(resource: Resource, action: Action) -> Handler:
    def act(session: Session, request: ApiRequest) -> ApiAnswer:
        only_parameters(request, action.parameters)
        name = object_name(request)
        may_be_missing = "ifExists" in action.parameters and request.flag("ifExists")
        if may_be_missing and session.catalog.find(resource.kind, name) is None:
            return success()
        return action.run(session, resource.get(session, name, action.privilege), request) or success()

    return act


def _set_tags(resource: Resource, domain: str) -> Handler:
    def set_tags(session: Session, request: ApiRequest) -> ApiAnswer:
        assignments = _TAGS_TO_SET(request.body, "tags")
        for on in _tagged(resource, domain, session, request):
            for each in assignments:
                set_tag(session.catalog, on, _tag_name(session, each), each["tag_value"])
        return success()

    return set_tags


def _unset_tags(resource: Resource, domain: str) -> Handler:
    def unset_tags(session: Session, request: ApiRequest) -> ApiAnswer:
        references = _TAGS_TO_UNSET(request.body, "tags")
        for on in _tagged(resource, domain, session, request):
            for each in references:
                unset_tag(session.catalog, on, _tag_name(session, each))
        return success()

    return unset_tags


def _get_tags(resource: Resource, domain: str) -> Handler:
    def get_tags(session: Session, request: ApiRequest) -> ApiAnswer:
        only_parameters(request, {"withLineage"})
        document = resource.get(session, object_name(request))
        return ApiAnswer(
            [
                {
                    "tag_database": quote(r.tag.database or ""),
                    "tag_schema": quote(r.tag.schema or ""),
                    "tag_name": quote(r.tag.name),
                    "tag_value": r.value,
                    "level": resource.words,
                }
                for r in tags_of(session.catalog, Tagged(domain, document.name))
            ]
        )

    return get_tags


def _tagged(resource: Resource, domain: str, session: Session, request: ApiRequest) -> list[Tagged]:
    """What the tags go on; nothing if it is not there and that was allowed."""
    only_parameters(request, {"ifExists"})
    name = object_name(request)
    if request.flag("ifExists") and session.catalog.find(resource.kind, name) is None:
        return []
    return [Tagged(domain, resource.get(session, name, resource.alter_privilege).name)]


def _tag_name(session: Session, tag: dict[str, Any]) -> ObjectName:
    parts = (tag["tag_database"], tag["tag_schema"], tag["tag_name"])
    return session.resolve(tuple(part for part in parts if part is not None), "setting a tag")
