"""The services of the account: starts jobs and long-running services, and takes up the latter after a restart."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mlops_embedded.catalog import ObjectName
from mlops_embedded.catalog.grants import Securable, forget_securable, privileges_on, require
from mlops_embedded.errors import already_exists, does_not_exist, invalid_value
from mlops_embedded.jobs import job_history
from mlops_embedded.jobs.access import require_named
from mlops_embedded.jobs.active_services import ActiveServices
from mlops_embedded.jobs.event_table import event_table_of
from mlops_embedded.jobs.logs import PREVIOUS
from mlops_embedded.jobs.placing import (
    LOG,
    owner_session,
    place_instance,
    ports_of,
    read_specification,
    require_endpoints,
    require_pool,
    require_privileges,
)
from mlops_embedded.jobs.recovery import close_interrupted
from mlops_embedded.jobs.running_container import GRACE_SECONDS, Placed
from mlops_embedded.jobs.running_service import RunningJob, RunningLongService, RunningService
from mlops_embedded.jobs.runtimes.engine import ContainerRuntime
from mlops_embedded.jobs.runtimes.process import ProcessRuntime
from mlops_embedded.jobs.runtimes.registry_login import RegistryLogin
from mlops_embedded.jobs.runtimes.runtime import Runtime
from mlops_embedded.jobs.service import KIND, Service, ServiceRequest
from mlops_embedded.jobs.service_roles import forget_roles
from mlops_embedded.jobs.upkeep import Upkeep
from mlops_embedded.sql.session import Session
from mlops_embedded.state import object_folder

if TYPE_CHECKING:
    from mlops_embedded.account import Account

_STOP_SECONDS = 7.0
logger = logging.getLogger("mlops_embedded.jobs")


class ServiceRunner:
    """The background service that runs services; what they are is in the catalog, their logs in the state folder."""

    name: ClassVar[str] = "jobs"

    def __init__(self, account: Account) -> None:
        self.account = account
        self._login = RegistryLogin(account)
        self._runtimes: dict[str, Runtime] = {
            ProcessRuntime.name: ProcessRuntime(account.state.path),
            ContainerRuntime.name: ContainerRuntime(account.state.path, account.settings.registry, self._login),
        }
        self.runtime = self._runtimes[account.settings.runtime]
        self._active = ActiveServices(account.clock)
        self._upkeep = Upkeep(self._active, self._suspend)
        job_history.prepare(account.catalog)
        close_interrupted(account.catalog, self._runtimes.values())

    def start(self) -> None:
        """Start the long-running services that ran when the last server ended."""
        if self.account.settings.registry is not None:
            self._login.prepare()
        for document in self.account.catalog.list(KIND):
            service = Service.of(document)
            if not service.is_job:
                self._run_long(service)
        self._upkeep.start()

    def stop(self) -> None:
        """End what runs."""
        self._upkeep.stop()
        running = self._active.all()
        for each in running:
            each.interrupt()
        for each in running:
            each.ended.wait(_STOP_SECONDS)

    def tick(self) -> None:
        """Suspend what is idle by now: the clock was moved."""
        self._upkeep.suspend_idle()

    def wake(self) -> None:
        """Do nothing more: upkeep looks again every few seconds."""

    # -- start

    def execute(self, session: Session, request: ServiceRequest) -> RunningJob:
        """Start a job and return it; its owner is the session's role.

        Raises:
            SnowflakeError: the name is taken, the specification is not valid, or something that it names is missing.
        """
        specification = read_specification(request.specification)
        require_privileges(session, request)
        require_named(session, request, specification)
        instances = request.replicas or 1
        service, placed = self._place_first(session, request, instances)
        running = RunningJob(service, self._save)
        self._active.add(running)
        threading.Thread(target=self._forget, args=(running,), name="job end", daemon=True).start()
        running.start(placed)
        return running

    def create(self, session: Session, request: ServiceRequest) -> None:
        """Start a long-running service; its owner is the session's role.

        Raises:
            SnowflakeError: as for a job, or a port of its endpoints is taken.
        """
        assert request.scale is not None
        specification = read_specification(request.specification)
        require_privileges(session, request)
        require_named(session, request, specification)
        require_endpoints(specification, request.scale.min_instances, self._active.ports(but=request.name))
        service, placed = self._place_first(session, request, request.scale.min_instances)
        self._run_long(service, placed)

    def _place_first(
        self, session: Session, request: ServiceRequest, instances: int
    ) -> tuple[Service, list[list[Placed]]]:
        """Write a new service down with its containers ready to start; nothing is left behind if that fails."""
        if session.catalog.find(KIND, request.name) is not None:
            raise already_exists(KIND, request.name)
        service = Service(request, session.role, (), query_id=session.query_id)
        folder = self.folder(request.name)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            placed = [self._place(session, service, number) for number in range(instances)]
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        session.catalog.create(service.document())
        if service.is_job:
            job_history.record(session.catalog, service)
        return service, placed

    def _place(self, session: Session, service: Service, number: int) -> list[Placed]:
        return place_instance(
            session, self.runtime, service, number, self.folder(service.name),
            event_table_of(self.account).collect,
        )  # fmt: skip

    def _place_as_owner(self, service: Service, number: int) -> list[Placed]:
        with owner_session(self.account, service) as session:
            return self._place(session, service, number)

    def _run_long(self, service: Service, placed: list[list[Placed]] | None = None) -> RunningLongService:
        running = RunningLongService(service, self._save, self._place_as_owner)
        self._active.add(running)
        running.start(placed)
        return running

    # -- operate

    def change(self, session: Session, name: ObjectName, request: ServiceRequest, privilege: str = "OWNERSHIP") -> None:
        """Give a long-running service another request: more instances, another specification, other properties."""
        running = self.long_running(session, name, privilege)
        assert request.scale is not None
        specification = read_specification(request.specification)
        held = set(ports_of(read_specification(running.service.request.specification)))
        require_endpoints(specification, request.scale.min_instances, self._active.ports(but=name), held)
        running.change(lambda service: replace(service, request=request))

    def suspend(self, session: Session, name: ObjectName) -> None:
        """End a service's instances; nothing happens to one that is suspended."""
        self._suspend(self.long_running(session, name, "OPERATE"))

    def _suspend(self, running: RunningLongService) -> None:
        if not running.service.suspended:
            now = datetime.now(timezone.utc)
            running.change(lambda service: replace(service, suspended=True, suspended_on=now))

    def suspend_all(self, services: Iterable[Service]) -> None:
        """Suspend these as the system does, jobs left out: their pool is suspended."""
        for service in services:
            running = self.running(service.name)
            if isinstance(running, RunningLongService):
                self._suspend(running)

    def resume(self, session: Session, name: ObjectName) -> None:
        """Start a suspended service's instances again."""
        running = self.long_running(session, name, "OPERATE")
        if running.service.suspended:
            require_pool(session, running.service.request.compute_pool)
            self._resume(running)

    def _resume(self, running: RunningLongService) -> None:
        now = datetime.now(timezone.utc)
        running.change(lambda service: replace(service, suspended=False, resumed_on=now))
        self._active.used(running.service.name)

    def use(self, name: ObjectName) -> RunningLongService:
        """Say that a service is used now, and start it if it is suspended and starts by itself.

        Raises:
            SnowflakeError: it is suspended and does not start by itself, or it is none that runs for long.
        """
        running = self._long_running(name)
        scale = running.service.request.scale
        assert scale is not None
        self._active.used(name)
        if running.service.suspended:
            if not scale.auto_resume:
                raise invalid_value(f"service {name} is suspended and does not resume by itself (AUTO_RESUME = FALSE)")
            self._resume(running)
        return running

    def long_running(self, session: Session, name: ObjectName, privilege: str) -> RunningLongService:
        """Return a long-running service that the role may operate.

        Raises:
            SnowflakeError: there is none, the role may not, or it is a job, which cannot be altered.
        """
        self.service(session, name, privilege)
        return self._long_running(name)

    def _long_running(self, name: ObjectName) -> RunningLongService:
        running = self.running(name)
        if not isinstance(running, RunningLongService):
            raise invalid_value(f"{name} is a job service: it can neither be altered nor be called")
        return running

    def drop(self, session: Session, name: ObjectName) -> None:
        """End a service, and forget it with its logs and grants."""
        service = self.service(session, name, "OWNERSHIP")
        running = self.running(name)
        if running is not None:
            if isinstance(running, RunningJob):
                running.cancel()
            elif isinstance(running, RunningLongService):
                running.finish()
            with session.waiting():
                running.ended.wait(GRACE_SECONDS + 5)
            self._active.remove(running)
        session.catalog.delete(KIND, name, if_exists=True)
        forget_securable(session.catalog, Securable("SERVICE", name))
        forget_roles(session, service)
        if service.is_job:
            job_history.record_deletion(session.catalog, service)
        shutil.rmtree(self.folder(name), ignore_errors=True)

    # -- look

    def running(self, name: ObjectName) -> RunningService | None:
        """Return what runs a service; None for a job that has ended."""
        return self._active.get(name)

    def service(self, session: Session, name: ObjectName, privilege: str | None = None) -> Service:
        """Return a service; 002003 if there is none, or none that the role may see."""
        service = Service.of(session.catalog.get(KIND, name))
        on = Securable("SERVICE", name)
        if privilege is not None:
            require(session.catalog, session.role, privilege, on, service.owner)
        elif not privileges_on(session.catalog, session.role, on, service.owner):
            raise does_not_exist("service", name)
        return service

    def is_upgrading(self, name: ObjectName) -> bool:
        running = self.running(name)
        return isinstance(running, RunningLongService) and running.upgrading

    def folder(self, name: ObjectName) -> Path:
        return object_folder(self.account.state.services, name)

    def log_file(self, service: Service, instance: int, container: str, *, previous: bool = False) -> Path:
        """Return where a container's output is, of this run or of the one before its last restart.

        Raises:
            SnowflakeError 001008: the service has no such instance or container.
        """
        count = len(service.instances)
        if not 0 <= instance < count:
            has = f"it has 0 to {count - 1}" if count else "none runs"
            raise invalid_value(f"service {service.name} has no instance {instance}: {has}")
        names = [state.name for state in service.instances[instance]]
        if container not in names:
            raise invalid_value(f"service {service.name} has no container {container!r}: it has {', '.join(names)}")
        return self.folder(service.name) / str(instance) / container / (PREVIOUS if previous else LOG)

    # -- inside

    def _save(self, service: Service) -> None:
        with self.account.catalog.transaction():
            if self.account.catalog.find(KIND, service.name) is not None:
                self.account.catalog.put(service.document())
            if service.is_job:
                job_history.record(self.account.catalog, service)

    def _forget(self, running: RunningService) -> None:
        running.ended.wait()
        self._active.remove(running)


def runner_of(account: Account) -> ServiceRunner:
    """Return the account's service runner."""
    runner = account.services[ServiceRunner.name]
    assert isinstance(runner, ServiceRunner)
    return runner
