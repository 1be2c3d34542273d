"""Checks of what a plugin declares: its metadata, its import, its names, parameters, resources and pipelines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops.credentials import looks_like_a_credential, looks_like_a_secret
from mlops.errors import MlopsError, PipelineError, SeveralError
from mlops.testing.findings import Finding
from mlops.testing.subject import Subject

if TYPE_CHECKING:
    import importlib_metadata

Made = tuple[str, list[Finding]]

IMPORT_SECONDS = 0.5
"""Processor time that importing a plugin may take beyond mlops itself."""

_TEXTUAL = re.compile(r"\bstr\b|^$|\bAny\b|\bbytes\b")


def loads(subject: Subject) -> Made:
    """Turn what the look at the plugin stumbled over into findings."""
    findings = [
        Finding(
            "loads",
            one.severity,
            f"{one.distribution}:{one.entry_point}" if one.entry_point else one.distribution,
            one.problem,
            one.hint,
        )
        for one in subject.known.failures
        if one.reason != "prints"  # the check of the import tells that
    ]
    return f"{len(subject.known.entry_points)} entry points, {len(subject.nodes)} nodes", findings


def metadata(subject: Subject) -> Made:
    """The distribution requires mlops-framework, entry points are named as the nodes are, and nodes are described."""
    findings = []
    distribution = _distribution(subject)
    name = subject.known.distribution
    requires = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in distribution.requires or ()]
    required = {re.sub(r"[-_.]+", "-", one).lower() for one in requires}
    if "mlops-framework" not in required:
        hint = 'add "mlops-framework" to dependencies in pyproject.toml'
        findings.append(Finding("metadata", "error", name, "it does not require mlops-framework", hint))
    if not distribution.metadata.get("Requires-Python"):
        hint = 'add requires-python = ">=3.10" to pyproject.toml'
        findings.append(Finding("metadata", "warning", name, "it does not say which Python it needs", hint))
    if subject.known.version.startswith("0.0.0"):
        hint = "give it a version: run records and deployments tell code apart by it"
        findings.append(Finding("metadata", "warning", name, f"its version is {subject.known.version}", hint))
    for node in subject.nodes:
        if not node.description:
            findings.append(
                Finding(
                    "metadata", "warning", node.full_name, "it has no docstring", "say in one line what the node does"
                )
            )
    findings += _misnamed(subject)
    return _counted(len(requires), "requirement"), findings


def _misnamed(subject: Subject) -> list[Finding]:
    nodes = {node.name for node in subject.nodes}
    return [
        Finding(
            "metadata",
            "warning",
            f"{subject.known.distribution}:{entry.name}",
            f"its entry point names it {entry.name!r}, and its function is {entry.value!r}",
            "give both one name, so that a reader of a log finds the function",
        )
        for entry in subject.known.entry_points
        if entry.group == "mlops.nodes" and entry.name in nodes and entry.value.rpartition(":")[2] != entry.name
    ]


def import_is_light(subject: Subject) -> Made:
    """Import the modules of its entry points in a new interpreter and see what that does."""
    from mlops.testing.importing import imported

    modules = sorted({entry.value.partition(":")[0].strip() for entry in subject.known.entry_points})
    name = subject.known.distribution
    if any(one.reason in ("hangs", "exits") for one in subject.known.failures):
        return "not imported again", []
    seen = imported(modules, seconds=subject.project.settings.plugins.seconds)
    findings = []

    def found(problem: str, hint: str) -> None:
        findings.append(Finding("import", "error", name, problem, hint))

    if seen.error and not subject.known.failures:
        found(f"importing it fails: {seen.error}", "mend the import")
    if seen.seconds > IMPORT_SECONDS:
        slow = ", ".join(f"{package} {took:.1f} s" for package, took in seen.slowest[:3] if took > 0.05)
        found(
            f"importing it takes {seen.seconds:.1f} s of processor time" + (f" ({slow})" if slow else ""),
            f"import heavy packages inside the node's function; {IMPORT_SECONDS} s is the most",
        )
    if "snowflake" in seen.packages:
        found(
            "importing it imports a package of Snowflake",
            "ask for feature_store, model_registry or session by name, and import snowflake inside the function",
        )
    if seen.reached:
        found(f"importing it reaches for the network: {seen.reached[0]}", "do that inside the node")
    if seen.started:
        found(f"importing it starts a process: {seen.started[0]}", "do that inside the node")
    if seen.printed.strip():
        first = seen.printed.strip().partition("\n")[0][:80]
        found(f"it prints when it is imported: {first!r}", "print inside the node, or use logging")
    return f"{seen.seconds:.2f} s, {len(seen.packages)} packages", findings


def names_are_free(subject: Subject) -> Made:
    """No other installed plugin, and no command of mlops, has its names."""
    findings = []
    own = subject.known.distribution
    others = [one for one in subject.project.discovery.known if one.distribution != own]
    for other in others:
        theirs = {node.name for node in other.nodes}
        for node in subject.nodes:
            if node.name in theirs:
                findings.append(
                    Finding(
                        "names",
                        "warning",
                        node.full_name,
                        f"{other.distribution} has a node of the same short name",
                        f"users of both write {node.full_name}; a more telling name spares them that",
                    )
                )
        for pipeline in {str(data["name"]) for data in other.pipelines} & {one.name for one in subject.pipelines}:
            hint = f"users of both write {own}:{pipeline}; a more telling name spares them that"
            problem = f"{other.distribution} has a pipeline of the same name"
            findings.append(Finding("names", "warning", f"{own}:{pipeline}", problem, hint))
    findings += _taken_commands(
        subject, {command.name: other.distribution for other in others for command in other.commands}
    )
    from mlops.plugins.serializers import serializers_of

    try:
        serializers_of(subject.project.discovery.known)
    except MlopsError as cause:
        if own in cause.message:
            findings.append(Finding("names", "error", own, cause.message, cause.hint or ""))
    return f"against {len(others)} other plugins", findings


def _taken_commands(subject: Subject, others: dict[str, str]) -> list[Finding]:
    from mlops.cli.app import COMMANDS

    findings = []
    for command in subject.known.commands:
        owner = "mlops itself" if command.name in COMMANDS else others.get(command.name)
        if owner is not None:
            problem = f"the command {command.name!r} is one of {owner}, and the first one wins"
            hint = 'give it another name in [project.entry-points."mlops.commands"]'
            findings.append(Finding("names", "error", subject.known.distribution, problem, hint))
    return findings


def no_secrets(subject: Subject) -> Made:
    """No parameter is named like a secret or has a default that looks like one: parameters are recorded and deployed."""
    hint = (
        "parameters stand in run records and in the task graph: ask for session, or take a secret of Snowflake "
        "(targets.NAME.secrets), which reaches the container as a variable or a file"
    )
    findings = []
    count = 0
    for node in subject.nodes:
        for parameter in node.parameters:
            count += 1
            if looks_like_a_credential(parameter.name) and _TEXTUAL.search(parameter.type):
                problem = f"its parameter {parameter.name!r} is named like a secret"
            elif looks_like_a_secret(str(parameter.default)):
                problem = f"the default of its parameter {parameter.name!r} looks like a secret"
            else:
                continue
            findings.append(Finding("secrets", "error", node.full_name, problem, hint))
    for pipeline in subject.pipelines:
        for key, value in pipeline.parameters.items():
            if looks_like_a_secret(str(value)):
                problem = f"its value of {key!r} looks like a secret"
                findings.append(Finding("secrets", "error", f"pipeline {pipeline.name}", problem, hint))
    return _counted(count, "parameter"), findings


def resources_fit(subject: Subject) -> Made:
    """What each node asks for fits into the largest machine that Snowflake offers."""
    findings = []
    for node in subject.nodes:
        asked = node.resources
        cores, memory = (GPU_CORES, GPU_MEMORY) if asked.gpu else (CPU_CORES, CPU_MEMORY)
        problem = ""
        if asked.cpu > cores:
            problem = f"it asks for {asked.cpu:g} cores, and the largest machine has {cores}"
        elif _gib(asked.memory) > memory:
            problem = f"it asks for {asked.memory} of memory, and the largest machine has {memory} GiB"
        elif asked.gpu > GPUS:
            problem = f"it asks for {asked.gpu} devices, and the largest machine has {GPUS}"
        if problem:
            hint = "ask for what one container needs; split the work with partitions="
            findings.append(Finding("resources", "error", node.full_name, problem, hint))
    return _counted(len(subject.nodes), "node"), findings


CPU_CORES, CPU_MEMORY = 124, 984
GPU_CORES, GPU_MEMORY, GPUS = 92, 1112, 8
"""The largest machines, without and with GPUs; memory in GiB.

Source: Snowflake documentation, "CREATE COMPUTE POOL", instance families HIGHMEM_X64_L and GPU_NV_L.
"""


def _gib(memory: str) -> float:
    number, unit = re.fullmatch(r"([0-9.]+)(\w+)", memory).groups()  # type: ignore[union-attr]  # checked by Resources
    return float(number) * {"M": 1e6 / 2**30, "Mi": 1 / 1024, "G": 1e9 / 2**30, "Gi": 1.0}[unit]


def pipelines_fit(subject: Subject) -> Made:
    """Every pipeline of the plugin is a graph: nodes are there, edges meet, and what is annotated can be stored."""
    findings = []
    for pipeline in subject.pipelines:
        try:
            subject.project.graph(f"{pipeline.distribution}:{pipeline.name}")
        except PipelineError as cause:
            findings += [
                Finding("pipelines", "error", f"pipeline {pipeline.name}", one.message, one.hint or "")
                for one in cause.problems
            ]
        except MlopsError as cause:
            findings.append(Finding("pipelines", "error", f"pipeline {pipeline.name}", cause.message, cause.hint or ""))
    members = {node.full_name for graph in subject.graphs.values() for node in graph.nodes}
    findings += _unstorable(subject, members)
    return f"{len(subject.graphs)} of {len(subject.pipelines)} pipelines", findings


def jobs_are_valid(subject: Subject) -> Made:
    """Compile its pipelines for a target that nobody has; the compiler checks names, limits and specifications."""
    findings = []
    count = 0
    for name in subject.graphs:
        full = f"{subject.known.distribution}:{name}"
        try:
            deployment = subject.project.deployment(full)
        except MlopsError as cause:
            problems = cause.problems if isinstance(cause, SeveralError) else (cause,)
            findings += [Finding("job", "error", f"pipeline {name}", one.message, one.hint or "") for one in problems]
            continue
        count += len([task for task in deployment.tasks if task.nodes]) + len(deployment.services)
    return _counted(count, "job specification"), findings


def _unstorable(subject: Subject, members: set[str]) -> list[Finding]:
    from mlops.plugins.serializers import serializers_of

    try:
        serializers = serializers_of(subject.project.discovery.known)
    except MlopsError:  # told with the names
        return []
    return [
        Finding(
            "pipelines",
            "error",
            node.full_name,
            f"it writes {dataset!r} as {names[0]}, which no serializer stores",
            "return a DataFrame, a plain value, an array, a figure, a model, bytes or a file; "
            "or offer a serializer (register_serializers)",
        )
        for node in subject.nodes
        if node.full_name not in members
        for dataset, names in node.output_types.items()
        if names and serializers.storable(names, node.storage.get(dataset, "file")) is None
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _distribution(subject: Subject) -> importlib_metadata.Distribution:
    import importlib_metadata

    return importlib_metadata.distribution(subject.known.distribution)
