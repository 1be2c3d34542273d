"""Jobs that run: starts their containers as processes, follows them to the end, keeps their logs."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.catalog.grants import PUBLIC, Securable, privileges_on, require
from mlops_embedded.errors import SnowflakeError, already_exists, does_not_exist, invalid_value
from mlops_embedded.jobs.fields import SpecificationError
from mlops_embedded.jobs.images import find_image, image_file
from mlops_embedded.jobs.mounts import secrets_of, volumes_of
from mlops_embedded.jobs.process import ContainerProcess, end_orphan, started_at
from mlops_embedded.jobs.sandbox import Place, Sandbox, prepare
from mlops_embedded.jobs.service import (
    CANCELLED,
    DONE,
    ENDED,
    FAILED,
    KIND,
    RUNNING,
    ContainerState,
    JobRequest,
    JobService,
)
from mlops_embedded.jobs.specification import Specification, parse_specification
from mlops_embedded.sql.locations import object_folder
from mlops_embedded.sql.session import Session

if TYPE_CHECKING:
    from mlops_embedded.server.account import Account

GRACE_SECONDS = 30.0
TOKEN_LIFETIME, TOKEN_ROTATION = timedelta(hours=1), timedelta(minutes=5)
INTERRUPTED = "The server ended while this container ran."
_GRACE_AT_STOP_SECONDS = 5.0
logger = logging.getLogger("mlops_embedded.jobs")


class RunningJob:
    """A job between its start and its end."""

    def __init__(self, job: JobService, save: Callable[[JobService], None]) -> None:
        self.job = job
        self.ended = threading.Event()
        self._save = save
        self._lock = threading.Lock()
        self._interrupted = False
        self._processes: list[tuple[int, int, ContainerProcess]] = []
        self._tokens: list[Sandbox] = []

    def start(self, sandboxes: list[tuple[int, int, Sandbox, Path]]) -> None:
        """Start every container of every instance, and follow each to its end."""
        for instance, number, sandbox, log in sandboxes:
            process = ContainerProcess(sandbox, log)
            process.start()
            self._processes.append((instance, number, process))
            self._tokens.append(sandbox)
            mark = started_at(process.pid) if process.pid else None
            now = datetime.now(timezone.utc).isoformat()
            self._change(instance, number, status=RUNNING, message="Running", started=now, pid=process.pid, mark=mark)
        for follower in self._processes:
            threading.Thread(target=self._follow, args=follower, name=f"job {self.job.name.name}", daemon=True).start()

    def cancel(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Ask every container to end, and end it after the grace."""
        with self._lock:
            if self.job.ended:
                return
            self.job = replace(self.job, cancelled=True)
            self._save(self.job)
        for _, _, process in self._processes:
            process.terminate(grace_seconds)

    def rotate_tokens(self) -> None:
        for sandbox in self._tokens:
            if sandbox.token is not None:
                with suppress(FileNotFoundError):  # the job was dropped meanwhile
                    sandbox.token.rotate()

    def interrupt(self) -> None:
        """End every container because the server stops; recorded as failed, not as cancelled."""
        self._interrupted = True
        for _, _, process in self._processes:
            process.terminate(_GRACE_AT_STOP_SECONDS)

    def _follow(self, instance: int, number: int, process: ContainerProcess) -> None:
        code = process.wait()
        status = DONE if code == 0 else CANCELLED if self.job.cancelled else FAILED
        message = "Completed successfully" if code == 0 else f"Container exited with code {code}"
        message = INTERRUPTED if self._interrupted else message
        self._change(instance, number, status=status, message=message, exit_code=code, pid=None, mark=None)

    def _change(self, instance: int, number: int, **changes: object) -> None:
        with self._lock:
            self.job = self.job.with_container(instance, number, **changes)
            self._save(self.job)
            ended = self.job.ended and len(self._processes) == sum(len(each) for each in self.job.instances)
        if ended:
            self.ended.set()


class JobRunner:
    """The service that runs jobs; what ended is in the catalog, its logs in the state folder."""

    name: ClassVar[str] = "jobs"

    def __init__(self, account: Account) -> None:
        self.account = account
        self._running: dict[ObjectName, RunningJob] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._rotate_tokens, name="job tokens", daemon=True)
        self._close_interrupted()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End what runs."""
        self._stopping.set()
        with self._lock:
            running = list(self._running.values())
        for job in running:
            job.interrupt()
        for job in running:
            job.ended.wait(_GRACE_AT_STOP_SECONDS + 2)

    # -- one job

    def execute(self, session: Session, request: JobRequest) -> RunningJob:
        """Start a job and return it; its owner is the session's role.

        Raises:
            SnowflakeError: the name is taken, the specification is not valid, or something that it names is missing.
        """
        specification = read_specification(request.specification)
        pool = self._require_privileges(session, request)
        if pool.body.get("state") == "SUSPENDED" and not pool.body.get("auto_resume"):
            raise invalid_value(f"compute pool {request.compute_pool} is suspended and does not resume by itself")
        if session.catalog.find(KIND, request.name) is not None:
            raise already_exists(KIND, request.name)
        states = tuple(ContainerState(c.name, c.image) for c in specification.containers)
        job = JobService(
            request,
            session.role,
            tuple(states for _ in range(request.replicas or 1)),
            query_id=session.query_id,
        )
        folder = self.folder(request.name)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            sandboxes = self._prepare(session, specification, job, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        session.catalog.create(job.document())
        running = RunningJob(job, self._save)
        with self._lock:
            self._running[request.name] = running
        threading.Thread(target=self._forget, args=(running,), name="job end", daemon=True).start()
        running.start(sandboxes)
        return running

    def running(self, name: ObjectName) -> RunningJob | None:
        with self._lock:
            return self._running.get(name)

    def job(self, session: Session, name: ObjectName, privilege: str | None = None) -> JobService:
        """Return a job, running or ended; 002003 if there is none, or none that the role may see."""
        job = JobService.of(session.catalog.get(KIND, name))
        on = Securable("SERVICE", name)
        if privilege is not None:
            require(session.catalog, session.role, privilege, on, job.owner)
        elif not privileges_on(session.catalog, session.role, on, job.owner):
            raise does_not_exist("service", name)
        return job

    def drop(self, session: Session, name: ObjectName) -> None:
        """End a job if it runs, and forget it with its logs."""
        self.job(session, name, "OWNERSHIP")
        running = self.running(name)
        if running is not None:
            running.cancel()
            with session.waiting():
                running.ended.wait(GRACE_SECONDS + 5)
        session.catalog.delete(KIND, name, if_exists=True)
        shutil.rmtree(self.folder(name), ignore_errors=True)

    def folder(self, name: ObjectName) -> Path:
        return object_folder(self.account.state.services, name)

    def log_file(self, job: JobService, instance: int, container: str) -> Path:
        """Return where a container's output is.

        Raises:
            SnowflakeError 001008: the job has no such instance or container.
        """
        if not 0 <= instance < len(job.instances):
            raise invalid_value(f"service {job.name} has no instance {instance}: it has 0 to {len(job.instances) - 1}")
        names = [state.name for state in job.instances[instance]]
        if container not in names:
            raise invalid_value(f"service {job.name} has no container {container!r}: it has {', '.join(names)}")
        return self.folder(job.name) / str(instance) / container / "log.txt"

    # -- inside

    def _require_privileges(self, session: Session, request: JobRequest) -> Document:
        """The role may create services in the schema, and use the pool, which is returned."""
        schema = ObjectName(request.name.database, None, request.name.schema or "")
        owner = session.catalog.get("schema", schema).body.get("owner")
        require(session.catalog, session.role, "CREATE SERVICE", Securable("SCHEMA", schema), owner)
        pool = session.catalog.get("compute_pool", ObjectName(None, None, request.compute_pool))
        on = Securable("COMPUTE POOL", pool.name)
        require(session.catalog, session.role, "USAGE", on, pool.body.get("owner"))
        return pool

    def _prepare(
        self, session: Session, specification: Specification, job: JobService, folder: Path
    ) -> list[tuple[int, int, Sandbox, Path]]:
        prepared = []
        for instance in range(len(job.instances)):
            volumes = volumes_of(session, specification, folder / str(instance))
            for number, container in enumerate(specification.containers):
                image = find_image(image_file(self.account.state.path), container.image)
                place = Place(
                    job.name.database or "", job.name.schema or "", job.name.name, self.account.port, instance,
                    job.request.replicas,
                )  # fmt: skip
                variables, files = secrets_of(session, container)
                own = folder / str(instance) / container.name
                sandbox = prepare(
                    own, container, image, place,
                    volumes=volumes, secrets=variables, secret_files=files, mint=lambda: self._mint(session, job),
                )  # fmt: skip
                if not sandbox.command:
                    raise invalid_value(
                        f"container {container.name}: neither its image nor its specification has a command"
                    )
                prepared.append((instance, number, sandbox, own / "log.txt"))
        return prepared

    def _mint(self, session: Session, job: JobService) -> str:
        """Return a token for the job's service user, which knows the task run that the job belongs to."""
        bound = session.context.get("task_run")
        return self.account.credentials.mint(
            job.name.name,
            lifetime=TOKEN_LIFETIME,
            role=job.owner,
            warehouse=job.request.query_warehouse,
            database=job.name.database,
            schema=job.name.schema,
            context={
                "service": job.name.name,
                "roles": [job.owner, PUBLIC],
                **({"task_run": bound} if bound else {}),
            },
        )

    def _save(self, job: JobService) -> None:
        with self.account.catalog.transaction():
            if self.account.catalog.find(KIND, job.name) is not None:
                self.account.catalog.put(job.document())

    def _forget(self, running: RunningJob) -> None:
        running.ended.wait()
        with self._lock:
            self._running.pop(running.job.name, None)

    def _rotate_tokens(self) -> None:
        while not self._stopping.wait(TOKEN_ROTATION.total_seconds()):
            with self._lock:
                running = list(self._running.values())
            for job in running:
                job.rotate_tokens()

    def _close_interrupted(self) -> None:
        """Record jobs that ran when the last server was killed as failed, and end what is left of them."""
        for document in self.account.catalog.list(KIND):
            job = JobService.of(document)
            if job.ended:
                continue
            for instance, containers in enumerate(job.instances):
                for number, state in enumerate(containers):
                    if state.pid is not None and end_orphan(state.pid, state.mark):
                        logger.info("ended process %s of job %s, left behind by a killed server", state.pid, job.name)
                    if state.status not in ENDED:
                        job = job.with_container(
                            instance, number, status=FAILED, message=INTERRUPTED, pid=None, mark=None
                        )
            self.account.catalog.put(job.document())


def read_specification(text: str) -> Specification:
    """Return a specification out of a statement or request; what is wrong with it is Snowflake's error 395018."""
    try:
        return parse_specification(text)
    except SpecificationError as error:
        raise SnowflakeError(f"Invalid spec: {error}", code="395018", sqlstate="22023") from error


def runner_of(account: Account) -> JobRunner:
    """Return the account's job runner."""
    runner = account.services[JobRunner.name]
    assert isinstance(runner, JobRunner)
    return runner
