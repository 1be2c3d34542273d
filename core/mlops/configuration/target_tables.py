"""Tables of targets in the project file: one over the other where a target extends another, each value with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from mlops.configuration.targets import LOCAL, Target
from mlops.errors import MlopsError, SettingsError, closest

Path = tuple[str, ...]


class TargetTables(Struct, frozen=True):
    """The targets by name, and for each where its values come from; what has no place has its default."""

    targets: Mapping[str, Target]
    places: Mapping[str, Mapping[Path, str]] = field(default_factory=dict)

    def rows(self, name: str) -> Iterator[tuple[str, object, str]]:
        """Yield every value of a target: its dotted name, the value, and where that comes from."""
        import msgspec

        places = self.places.get(name, {})
        data = msgspec.to_builtins(self.targets[name])
        for path, value in _leaves({key: value for key, value in data.items() if key != "name"}, ()):
            yield ".".join(path), value, places.get(path, "default")


def read_targets(tables: Any, place: str, problems: list[MlopsError]) -> TargetTables:  # Any: TOML
    """Return the targets that tables declare, with the built-in ``local``; what is wrong goes into ``problems``.

    ``place`` is where the tables stand, as a message names it, with ``{}`` for what is below ``targets``.
    """
    targets = {LOCAL.name: LOCAL}
    places: dict[str, Mapping[Path, str]] = {}
    if not isinstance(tables, Mapping):
        problems.append(SettingsError(place=place.format("NAME"), problem="it is not a table"))
        return TargetTables(targets)
    told: set[str] = set()
    for name in tables:
        found: dict[Path, str] = {}
        try:
            table = _with_what_it_extends(name, tables, place, found)
        except MlopsError as problem:
            problems.append(problem)
            continue
        target, wrong = _target(name, table, place, found)
        problems.extend(one for one in wrong if one.message not in told)
        told.update(one.message for one in wrong)  # what a target inherits is wrong once
        if target is not None:
            targets[name], places[name] = target, found
    return TargetTables(targets, places)


def _with_what_it_extends(
    name: str, tables: Mapping[str, Any], place: str, places: dict[Path, str], seen: tuple[str, ...] = ()
) -> dict[str, Any]:
    table = tables[name]
    if not isinstance(table, Mapping):
        raise SettingsError(place=place.format(name), problem="it is not a table", hint=f"write [targets.{name}]")
    base = table.get("extends")
    below: dict[str, Any] = {}  # Any: TOML
    if base is not None and base != LOCAL.name:
        if base not in tables:
            similar = closest(str(base), tables)
            raise SettingsError(
                place=place.format(f"{name}.extends"),
                problem=f"there is no target {base!r}",
                hint=f"did you mean {similar!r}?" if similar else f"the targets are: {', '.join(tables)}",
            )
        if base in (*seen, name):
            raise SettingsError(
                place=place.format(f"{name}.extends"),
                problem=f"targets extend each other in a circle: {' → '.join((*seen, name, base))}",
                hint="let one of them extend nothing",
            )
        below = _with_what_it_extends(base, tables, place, places, (*seen, name))
    return _merged(below, table, (), place.format(name + ".{}"), places)


def _merged(
    below: Mapping[str, Any], above: Mapping[str, Any], path: Path, place: str, places: dict[Path, str]
) -> dict[str, Any]:
    """Tables are merged key by key, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        inside, here = merged.get(key), (*path, key)
        places[here] = place.format(".".join(here))
        if isinstance(value, Mapping):
            merged[key] = _merged(inside if isinstance(inside, Mapping) else {}, value, here, place, places)
        else:
            merged[key] = value
    return merged


def _target(
    name: str, table: Mapping[str, Any], place: str, places: Mapping[Path, str]
) -> tuple[Target | None, list[MlopsError]]:
    from mlops.validation import fitted

    target, misfits = fitted(Target, {key: value for key, value in table.items() if key != "name"})
    if "name" in table:
        where = places[("name",)]
        return None, [
            SettingsError(place=where, problem="there is no such setting", hint="a target is named by its table")
        ]
    problems: list[MlopsError] = []
    for one in misfits:
        path = tuple(str(part) for part in one.path if not isinstance(part, int))
        problems.append(
            SettingsError(
                place=places.get(path) or place.format(".".join((name, *path))), problem=one.problem, hint=one.hint
            )
        )
    if target is None:
        return None, problems
    from msgspec.structs import replace

    for node, options in target.nodes.items():
        if options.profile is not None and options.profile not in target.profiles:
            similar = closest(options.profile, target.profiles)
            problems.append(
                SettingsError(
                    place=places.get(("nodes", node, "profile"), place.format(f"{name}.nodes.{node}.profile")),
                    problem=f"there is no profile {options.profile!r}",
                    hint=f"did you mean {similar!r}?"
                    if similar
                    else f"write [targets.{name}.profiles.{options.profile}]",
                )
            )
    return replace(target, name=name), problems


def _leaves(data: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, object]]:  # Any: plain data
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value
