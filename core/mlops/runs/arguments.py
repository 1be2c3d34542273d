"""What a node's function is called with: the values it asked for by name, and the mappings ``inputs`` and ``outputs``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping

from mlops.errors import DatasetError, closest

Load = Callable[[str], object]


class Inputs(Mapping[str, object]):
    """Parameters and datasets by name. A dataset is loaded when it is read for the first time."""

    def __init__(self, parameters: Mapping[str, object], datasets: Mapping[str, str], load: Load) -> None:
        self._parameters = parameters
        self._datasets = datasets
        self._load = load
        self._loaded: dict[str, object] = {}

    def __getitem__(self, name: str) -> object:
        if name in self._loaded:
            return self._loaded[name]
        if name in self._datasets:
            value = self._loaded[name] = self._load(self._datasets[name])
            return value
        if name in self._parameters:
            return self._parameters[name]
        similar = closest(name, self)
        raise KeyError(
            f"{name!r} is neither a dataset nor a parameter of this node; "
            + (f"did you mean {similar!r}?" if similar else f"there is: {', '.join(self) or 'nothing'}")
        )

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys((*self._datasets, *self._parameters))

    def __len__(self) -> int:
        return len({*self._datasets, *self._parameters})


class Outputs(MutableMapping[str, object]):
    """The outputs of a node. Reading gives an output's specification, assigning stores its value.

    A specification says at least where a function that writes its own file may put it (``path``); functions written for
    a plain dictionary run unchanged.
    """

    def __init__(self, specifications: Mapping[str, object], declared: tuple[str, ...]) -> None:
        self._specifications = dict(specifications)
        self._declared = declared
        self.values_set: dict[str, object] = {}

    def __getitem__(self, name: str) -> object:
        return self._specifications[name]

    def __setitem__(self, name: str, value: object) -> None:
        if self._declared and name not in self._declared:
            similar = closest(name, self._declared)
            raise DatasetError(
                dataset=name,
                problem="it is not an output of this node",
                hint=f"did you mean {similar!r}?" if similar else f"its outputs are: {', '.join(self._declared)}",
            )
        self.values_set[name] = value

    def __delitem__(self, name: str) -> None:
        del self.values_set[name]

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys((*self._specifications, *self.values_set))

    def __len__(self) -> int:
        return len({*self._specifications, *self.values_set})


def returned(
    value: object, *, outputs: tuple[str, ...], assigned: Mapping[str, object], node: str
) -> dict[str, object]:
    """Return the value of each output, from what the function returned and from what it assigned.

    One output is the return value; several are a dict. A node without declared outputs writes what it assigned, and
    what it returns as a dict.

    Raises:
        DatasetError: an output is missing, or something is returned that no output takes.
    """
    values = dict(assigned)
    missing = [name for name in outputs if name not in values]
    if not outputs:
        if isinstance(value, dict) and all(isinstance(key, str) and key.isidentifier() for key in value):
            values.update(value)
        return values
    if len(outputs) == 1 and missing:
        if value is None:
            raise DatasetError(
                dataset=missing[0],
                problem=f"node {node!r} returned None",
                hint=f"return the value, or assign outputs[{missing[0]!r}]; "
                "a node without outputs declares none: @node(outputs=[])",
            )
        values[missing[0]] = value
    elif isinstance(value, Mapping):
        values.update(_of_mapping(value, outputs, node))
    elif value is not None and missing:
        raise DatasetError(
            dataset=missing[0],
            problem=f"node {node!r} has {len(outputs)} outputs and returned {type(value).__name__}",
            hint="return a dict: {" + ", ".join(f"{name!r}: …" for name in outputs) + "}",
        )
    if missing := [name for name in outputs if name not in values]:
        raise DatasetError(
            dataset=missing[0],
            problem=f"node {node!r} did not return it" + (f" (nor {', '.join(missing[1:])})" if missing[1:] else ""),
            hint=f"return it in the dict, or assign outputs[{missing[0]!r}]",
        )
    return values


def _of_mapping(value: Mapping[object, object], outputs: tuple[str, ...], node: str) -> dict[str, object]:
    strangers = [key for key in value if key not in outputs]
    if strangers:
        similar = closest(str(strangers[0]), outputs)
        raise DatasetError(
            dataset=str(strangers[0]),
            problem=f"node {node!r} returned it, but does not declare it as an output",
            hint=f"did you mean {similar!r}?" if similar else f"its outputs are: {', '.join(outputs)}",
        )
    return {str(key): one for key, one in value.items()}
