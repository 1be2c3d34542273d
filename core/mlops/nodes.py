"""A node: one Python function of an installed package, and all that can be known of it without calling it.

Names and values only, so that it can be kept in a file and read back without importing the plugin.
"""

# annotations are no text here: msgspec would compile each of them whenever the plugin cache is read

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from msgspec import Struct, field

from mlops.parameters import Parameter

SERVICES = ("feature_store", "model_registry", "session")
"""Arguments of these names receive Snowflake's own objects, or None in a run without services."""

STORAGES = ("file", "table")
MAPPINGS = ("inputs", "outputs")
RESERVED = (*SERVICES, *MAPPINGS, "context")

_MEMORY = re.compile(r"[1-9][0-9]*(\.[0-9]+)?(M|Mi|G|Gi)\Z")


class Resources(Struct, frozen=True):
    """What the container of a node asks for and may use at most.

    ``cpu`` is in cores (0.5 is half a core), ``memory`` a number with M, Mi, G or Gi, ``gpu`` whole devices.

    Source: Snowflake documentation, "Service specification reference", containers.resources.
    """

    cpu: float = 1.0
    memory: str = "2Gi"
    gpu: int = 0

    def __post_init__(self) -> None:
        if not self.cpu > 0:
            raise ValueError(f"cpu must be more than 0 cores, not {self.cpu!r}")
        if not _MEMORY.match(self.memory):
            raise ValueError(f"memory must be a number with M, Mi, G or Gi, for example '2Gi', not {self.memory!r}")
        if self.gpu < 0 or int(self.gpu) != self.gpu:
            raise ValueError(f"gpu must be a whole number of devices, not {self.gpu!r}")


class Retries(Struct, frozen=True):
    """How often a failed node is tried again, and how long to wait before: ``delay``, then ``backoff`` times as long."""

    count: int = 0
    delay: timedelta = timedelta(seconds=1)
    backoff: float = 2.0

    def wait_before(self, attempt: int) -> timedelta:
        """Return how long to wait before attempt number ``attempt``; the first attempt is number 1 and never waits."""
        return timedelta() if attempt <= 1 else self.delay * self.backoff ** (attempt - 2)


class Endpoint(Struct, frozen=True):
    """A port that a service listens on. ``public`` lets it be reached from outside of Snowflake.

    Source: Snowflake documentation, "Service specification reference", endpoints.
    """

    name: str
    port: int
    public: bool = False
    protocol: Literal["HTTP", "TCP"] = "HTTP"


class Serving(Struct, frozen=True):
    """How a node that keeps running is served: its function starts a server and returns when that ends.

    ``readiness_path`` is asked on the first endpoint until it answers. ``function`` names a SQL function that calls
    ``function_path`` of the first endpoint, with ``function_arguments`` as SQL names and types.
    """

    endpoints: tuple[Endpoint, ...] = (Endpoint("http", 8080),)
    min_instances: int = 1
    max_instances: int = 1
    readiness_path: str | None = None
    function: str | None = None
    function_path: str = "/"
    function_arguments: Mapping[str, str] = field(default_factory=dict)
    function_returns: str = "VARIANT"


class Partitions(Struct, frozen=True):
    """How a node is split: ``count`` replicas, each with the rows of its own part of every dataset that has ``key``.

    A row belongs to the replica that the hash of its ``key`` names, so that all rows of one key meet in one replica.
    Without a key each replica reads everything, and picks its part by ``context.replica_index``.
    """

    count: int
    key: str | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"partitions must be at least 1, not {self.count!r}")


class Origin(Struct, frozen=True):
    """Where a node comes from: the distribution that ships it, its version, and the function as ``module:qualname``.

    ``digest`` changes whenever a file of the distribution does, also in an editable install of one version.
    ``through`` is the plugin (``module`` or ``module:object``) whose ``register_nodes`` offers the function; empty when
    an entry point names the function itself.
    """

    distribution: str
    version: str
    source: str
    digest: str = ""
    through: str = ""


class Node(Struct, frozen=True):
    """One step of a pipeline: the datasets that go in and come out, its parameters, and what it needs to run.

    ``storage`` names, by output, where it is kept when that is not a file: ``table``. Nodes of one ``group`` may share a
    container. ``serving`` makes it a long-running service.

    ``inputs`` maps each argument to the dataset it receives. ``input_types`` and
    ``output_types`` hold, where the type is annotated, its qualified name, and for outputs those of its bases, too. ``open_inputs`` is true for a function that only takes
    the ``inputs`` mapping and declares no content: it accepts any parameter.
    """

    name: str
    origin: Origin
    inputs: Mapping[str, str] = field(default_factory=dict)
    input_types: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    output_types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    services: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    open_inputs: bool = False
    after: tuple[str, ...] = ()
    resources: Resources = Resources()
    timeout: timedelta | None = None
    retries: Retries = Retries()
    description: str = ""
    group: str | None = None
    partitions: Partitions | None = None
    serving: Serving | None = None
    storage: Mapping[str, str] = field(default_factory=dict)
    deterministic: bool = False

    @property
    def full_name(self) -> str:
        """``distribution:name``, the name that no other distribution can take."""
        return f"{self.origin.distribution}:{self.name}"

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets this node reads, each once, in the order of its arguments."""
        return tuple(dict.fromkeys(self.inputs.values()))
