"""Services: nodes that keep running and answer, and the SQL functions that call them.

Source: Snowflake documentation, "CREATE SERVICE"; "CREATE FUNCTION (Snowpark Container Services)".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlops.compile.containers import service_specification
from mlops.compile.jobs import Job
from mlops.compile.names import is_identifier, service_name
from mlops.compile.objects import Service, ServiceFunction
from mlops.compile.shared import Shared
from mlops.compile.specification import Specification
from mlops.compile.yaml_text import to_yaml
from mlops.configuration.targets import Target
from mlops.errors import GraphProblem, MlopsError
from mlops.graph import Graph
from mlops.nodes import Node, Serving

_TYPE = re.compile(r"[A-Za-z][A-Za-z_ ]*(?:\(\s*[0-9]+(?:\s*,\s*[0-9]+)?\s*\))?\Z")


def check_serving(node: Node, problems: list[MlopsError]) -> None:
    """Put what Snowflake would refuse about a serving node into ``problems``."""
    serving = node.serving
    if serving is None:
        return
    said = f"node {node.name!r} is a service"
    if not serving.endpoints:
        problems.append(GraphProblem(f"{said} without an endpoint", hint='write endpoints=(Endpoint("http", 8080),)'))
    if not 1 <= serving.min_instances <= serving.max_instances:
        problems.append(
            GraphProblem(
                f"{said} with {serving.min_instances} to {serving.max_instances} instances",
                hint="min_instances is at least 1, and max_instances no less",
            )
        )
    for endpoint in serving.endpoints:
        if not re.fullmatch(r"[a-z]([a-z0-9_-]{0,61}[a-z0-9])?", endpoint.name) or not 1 <= endpoint.port <= 65535:
            problems.append(
                GraphProblem(
                    f"{said}: endpoint {endpoint.name!r} with port {endpoint.port}",
                    hint="a name is lower-case letters, digits and '-'; a port is from 1 to 65535",
                )
            )
    if serving.function is None:
        return
    if not is_identifier(serving.function):
        problems.append(
            GraphProblem(
                f"{said}: {serving.function!r} is not the name of a function", hint="use letters, digits and '_'"
            )
        )
    for name, kind in serving.function_arguments.items():
        if not is_identifier(name) or not _TYPE.match(kind):
            problems.append(
                GraphProblem(
                    f"{said}: function {serving.function!r} has the argument {name!r} of type {kind!r}",
                    hint="use a name and a type of SQL, for example amount: FLOAT",
                )
            )
    if not _TYPE.match(serving.function_returns):
        problems.append(
            GraphProblem(
                f"{said}: function {serving.function!r} returns {serving.function_returns!r}", hint="use a type of SQL"
            )
        )
    if not re.fullmatch(r"/[A-Za-z0-9_./-]*", serving.function_path):
        problems.append(
            GraphProblem(f"{said}: {serving.function_path!r} is not the path of a function", hint="it begins with '/'")
        )


def services_of(
    graph: Graph,
    target: Target,
    shared: Shared,
    parameters: Mapping[str, Mapping[str, object]],
    resources: Mapping[str, Job],
    problems: list[MlopsError],
) -> tuple[tuple[Service, ...], tuple[ServiceFunction, ...]]:
    """Return the services of a graph and the functions that call them; ``resources`` holds each one's container by name."""
    services: list[Service] = []
    functions: list[ServiceFunction] = []
    for node in graph.nodes:
        if node.serving is None:
            continue
        check_serving(node, problems)
        job = resources[node.full_name]
        name = service_name(graph.pipeline.name, node.name)
        if same := [one.node for one in services if one.name == name]:
            problems.append(
                GraphProblem(
                    f"{' and '.join(same)} and {node.full_name} would both be the service {name}",
                    hint="rename one of them",
                )
            )
        specification = service_specification(node, shared, graph, parameters.get(node.full_name, {}), job)
        services.append(
            Service(
                name=name,
                node=node.full_name,
                compute_pool=job.pool.name.upper(),
                specification=_text(node, specification, problems),
                min_instances=node.serving.min_instances,
                max_instances=node.serving.max_instances,
                query_warehouse=shared.warehouse,
                external_access_integrations=tuple(one.upper() for one in target.external_access_integrations),
            )
        )
        if node.serving.function is not None and node.serving.endpoints:
            functions.append(_function(node.serving, node.serving.function, name))
    return tuple(services), tuple(functions)


def _text(node: Node, specification: Specification, problems: list[MlopsError]) -> str:
    text = to_yaml(specification.to_data())
    if "$$" in text:  # a parameter may hold it; it would end the specification inside a statement
        problems.append(
            GraphProblem(
                f"node {node.full_name!r}: the specification of its service holds $$", hint="write it another way"
            )
        )
    return text


def _function(serving: Serving, name: str, service: str) -> ServiceFunction:
    """Return the function that calls the first endpoint of a service."""
    return ServiceFunction(
        name=name.upper(),
        service=service,
        endpoint=serving.endpoints[0].name.replace("_", "-"),
        path=serving.function_path,
        arguments={key.upper(): kind.upper() for key, kind in serving.function_arguments.items()},
        returns=serving.function_returns.upper(),
    )
