"""Checks that run a plugin's nodes: what they write, whether they write it again, and whether Snowflake changes it."""

from __future__ import annotations

from mlops.nodes import Node
from mlops.testing.findings import Finding
from mlops.testing.rehearsal import Performance, Rehearsed
from mlops.testing.subject import Subject

Made = tuple[str, list[Finding]]


def outputs_are_written(subject: Subject) -> Made:
    """Run its pipelines and the nodes that read nothing; each declared output must be committed."""
    if not subject.request.run:
        return "not run, as asked", []
    rehearsed = subject.rehearsed
    findings = _lost("outputs", subject, rehearsed)
    performed = subject.performances(rehearsed)
    findings += [
        Finding("outputs", "error", one.node, one.problem, one.hint or "mend the pipeline")
        for one in rehearsed.performances
        if one.state == "refused"
    ]
    for node in subject.nodes:
        one = performed.get(node.full_name)
        if one is None:
            findings.append(_not_run(node, lost=bool(rehearsed.problem)))
        elif one.state == "failed":
            findings.append(Finding("outputs", "error", node.full_name, one.problem, one.hint or _mend(one)))
        elif one.state == "succeeded" and (missing := set(node.outputs) - {written.name for written in one.outputs}):
            findings.append(
                Finding(
                    "outputs",
                    "error",
                    node.full_name,
                    f"it declares {', '.join(sorted(missing))} and does not write it",
                    "return it, assign outputs[…], or leave it out of outputs=",
                )
            )
    ran = sum(one.state == "succeeded" for one in performed.values())
    return f"{ran} of {len(subject.nodes)} nodes run", findings


def deterministic_nodes_repeat(subject: Subject) -> Made:
    """Run nodes that say they are deterministic again, on the same inputs in another process; hashes must be the same."""
    declared = [node for node in subject.nodes if node.deterministic]
    if not declared:
        return "no node says that it is", []
    if not subject.request.run:
        return "not run, as asked", []
    first, second = subject.performances(subject.rehearsed), subject.performances(subject.rehearsed_again)
    findings = _lost("deterministic", subject, subject.rehearsed_again)
    for node in declared:
        before, after = first.get(node.full_name), second.get(node.full_name)
        if before is None or after is None or not before.outputs:
            continue
        if after.problem:
            findings.append(Finding("deterministic", "error", node.full_name, f"the second time: {after.problem}"))
            continue
        hashes = {one.name: one.sha256 for one in after.outputs}
        findings += [
            Finding(
                "deterministic",
                "error",
                node.full_name,
                f"it says deterministic=True and wrote another {one.name!r} from the same inputs",
                "seed what is random, sort what comes from a set, leave out times; or drop deterministic=True",
            )
            for one in before.outputs
            if hashes.get(one.name) != one.sha256
        ]
    return f"{len(second)} nodes run twice", findings


def same_on_embedded(subject: Subject) -> Made:
    """Run everything on the embedded Snowflake, too, where a node asks for a service."""
    asking = [node for node in subject.nodes if node.services]
    if not asking:
        return "no node asks for a service", []
    if not subject.request.run or not subject.request.embedded:
        return "not run, as asked", []
    if not subject.has_embedded:
        hint = "pip install mlops-embedded"
        return "not run", [
            Finding("parity", "note", subject.known.distribution, "no embedded Snowflake is installed", hint)
        ]
    plain, embedded = subject.performances(subject.rehearsed), subject.performances(subject.rehearsed_embedded)
    findings = _lost("parity", subject, subject.rehearsed_embedded)
    for node in subject.nodes:
        before, after = plain.get(node.full_name), embedded.get(node.full_name)
        if before is None or after is None or before.state != "succeeded":
            continue
        if after.state != "succeeded":
            problem = f"it {after.state} on the embedded Snowflake: {after.problem or after.reason}"
            findings.append(Finding("parity", "error", node.full_name, problem, after.hint or _mend(after)))
            continue
        findings += _differences(before, after, exact=node.deterministic)
    return f"{sum(one.state == 'succeeded' for one in embedded.values())} nodes run on both", findings


def _differences(before: Performance, after: Performance, *, exact: bool) -> list[Finding]:
    there = {one.name: one for one in after.outputs}
    findings = []
    for one in before.outputs:
        other = there.get(one.name)
        if other is None:
            problem = f"it writes {one.name!r} without services, and not with them"
        elif other.type != one.type:
            problem = f"{one.name!r} is {one.type} without services and {other.type} with them"
        elif other.columns != one.columns:
            problem = f"the columns of {one.name!r} are others with services than without"
        elif exact and other.sha256 != one.sha256:
            problem = f"it says deterministic=True, and {one.name!r} is another with services than without"
        else:
            continue
        findings.append(
            Finding(
                "parity", "error", before.node, problem, "let the services change where a value is kept, not the value"
            )
        )
    return findings


def _lost(check: str, subject: Subject, rehearsed: Rehearsed) -> list[Finding]:
    if not rehearsed.problem:
        return []
    hint = "make it quicker with --param, give it longer with --timeout, or look without running: --no-run"
    return [Finding(check, "error", subject.known.distribution, rehearsed.problem, hint)]


def _not_run(node: Node, *, lost: bool) -> Finding:
    hint = "put it into a pipeline of the plugin, or test it with mlops_project.run_node"
    if node.serving is not None:
        why, hint = "it is a service", "test what it serves, or run it: mlops run-node " + node.full_name
    elif lost:
        why, hint = "the nodes that ran were ended before", "see the error of this check"
    else:
        why = f"no pipeline of the plugin gives it {', '.join(node.datasets) or 'what it reads from inputs'}"
    return Finding("outputs", "note", node.full_name, f"it was not run: {why}", hint)


def _mend(one: Performance) -> str:
    return f"mlops run-node {one.node} shows the whole traceback"
