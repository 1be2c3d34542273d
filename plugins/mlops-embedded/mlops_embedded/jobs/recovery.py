"""Recovery: what a server that was killed has left running is ended, and told so."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace

from mlops_embedded.catalog import Catalog
from mlops_embedded.jobs.running_service import INTERRUPTED
from mlops_embedded.jobs.runtimes.runtime import Runtime
from mlops_embedded.jobs.service import ENDED, FAILED, KIND, Service

logger = logging.getLogger("mlops_embedded.jobs")


def close_interrupted(catalog: Catalog, runtimes: Collection[Runtime]) -> None:
    """End the containers that still run; jobs of which one did have failed, services will be started anew."""
    for document in catalog.list(KIND):
        service = Service.of(document)
        for number, containers in enumerate(service.instances):
            for index, state in enumerate(containers):
                if any(runtime.end_orphan(state) for runtime in runtimes):
                    logger.info("ended a container of %s, left behind by a killed server", service.name)
                if state.status not in ENDED and service.is_job:
                    service = service.with_container(
                        number, index, status=FAILED, message=INTERRUPTED, pid=None, mark=None, engine_id=None
                    )
        catalog.put(service.document() if service.is_job else replace(service, instances=()).document())
