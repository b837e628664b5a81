"""Executions: a backup pulls, a restore pushes, a verification reads. Their states, records and live progress."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from plumbus.model.fields import AbsolutePath, Id
from plumbus.model.record import Record


class Status(StrEnum):
    """queued → running → one of the others, which are final."""

    QUEUED = 'queued'
    RUNNING = 'running'
    COMPLETED = 'completed'
    WARNING = 'warning'
    FAILED = 'failed'
    CANCELLED = 'cancelled'
    INTERRUPTED = 'interrupted'

    @property
    def finished(self) -> bool:
        """Whether nothing will change any more."""
        return self not in {Status.QUEUED, Status.RUNNING}

    @property
    def good(self) -> bool:
        """Whether the run reached its aim: a backup in such a state has left a snapshot."""
        return self in {Status.COMPLETED, Status.WARNING}


class Trigger(StrEnum):
    """Who asked for the run."""

    SCHEDULE = 'schedule'
    MANUAL = 'manual'
    API = 'api'
    CATCH_UP = 'catch-up'
    RETRY = 'retry'


# How a snapshot keeps owners, devices and the like: as they are; in attributes that rsync reads back; not at all.
Owners = Literal['real', 'fake-super', 'none']


class Progress(BaseModel):
    """How far a run is. Bytes, bytes per second and seconds; totals are null until the scan has told them."""

    phase: str = 'queued'
    percent: float | None = None
    bytes: int = 0
    bytes_total: int | None = None
    files: int = 0
    files_total: int | None = None
    rate_bps: float = 0
    eta_s: float | None = None
    current_file: str | None = None


class Run(Record):
    """What records of all runs share. `error_message` holds the cause and the remedy in plain words.

    While it is queued, `queued_reason` tells why, and `queue_position` counts from 1 among those that wait for a place (null:
    it waits for its time). `next_try` is set while its client is not there.
    """

    client_id: int
    client_name: str = ''
    status: Status = Status.QUEUED
    start_time: AwareDatetime | None = None
    end_time: AwareDatetime | None = None
    duration_s: float | None = None
    transferred_bytes: int = 0
    file_count: int = 0
    exit_code: int | None = None
    error_message: str | None = None
    cause: str | None = None
    warnings: list[str] = []
    progress: Progress | None = None
    queue_position: int | None = None
    queued_reason: str | None = None
    next_try: AwareDatetime | None = None


class Backup(Run):
    """One execution of a job. `created_at` is when it was queued; `backup_path` is relative to the data dir.

    `suspicious`: the source had shrunk so much that retention does not count it as good, until a user clears that.
    `owners` is null as long as there is no snapshot. A snapshot that was removed leaves its record: `removed_at` is set,
    `backup_path` null, and `freed_bytes` tells what only it had held (null where that is not known). Of `disk_bytes`, `inherited_bytes`
    had been stored by snapshots that were removed since. `tries` counts how often
    the client was not there; from `try_until` on that is a failure.
    """

    job_id: int
    job_name: str = ''
    trigger: Trigger = Trigger.MANUAL
    size_bytes: int = 0
    disk_bytes: int = 0
    inherited_bytes: int = 0
    new_files: int = 0
    changed_files: int = 0
    deleted_files: int = 0
    backup_path: str | None = None
    owners: Owners | None = None
    verified_at: AwareDatetime | None = None
    verify_status: Literal['ok', 'damaged'] | None = None
    verify_errors: list[str] = []
    pinned: bool = False
    suspicious: bool = False
    note: str = ''
    removed_at: AwareDatetime | None = None
    freed_bytes: int | None = None
    tries: int = 0
    try_until: AwareDatetime | None = None


class RestoreRequest(BaseModel):
    """What to bring back where. No `paths`: all of it. No `restore_path`: where it came from.

    `to_server`: into a folder of the PLUMBUS server itself. `safety_copy`: keep on the client what is overwritten or deleted.
    """

    paths: Annotated[list[AbsolutePath], Field(max_length=10_000)] = []
    restore_path: AbsolutePath | None = None
    client_id: Id | None = None
    to_server: bool = False
    delete: bool = False
    safety_copy: bool = False
    dry_run: bool = False


class Restore(Run):
    """One copy back. `changes` is what a dry run would do, the first thousands of it; `summary` counts all of it, and for
    other runs what was done: of each action (`create`, `overwrite`, `delete`, `attributes`) `count`, `bytes`, `old_bytes`.

    `notes` are sentences about what to know of it, `missing` what the snapshot lacks, `damaged` its damaged files. With
    `safety_copy` what lay there is kept below `safety_path` of the client (null if nothing did); while `undoable` an undo
    brings it back, which is a restore too: `undo_of` tells of which, and `undone_by` of that one names it once it is done.
    """

    backup_id: int
    job_id: int
    job_name: str = ''
    paths: list[str] = []
    restore_path: str | None = None
    to_server: bool = False
    delete: bool = False
    dry_run: bool = False
    changes: list[dict[str, Any]] = []
    summary: dict[str, dict[str, int]] = {}
    notes: list[str] = []
    missing: list[str] = []
    damaged: list[str] = []
    safety_copy: bool = False
    safety_path: str | None = None
    undoable: bool = False
    undo_of: int | None = None
    undone_by: int | None = None


class Verification(Run):
    """One re-reading of a snapshot. `size_bytes` were read, `file_count` files looked at; `verify_errors` are the first of
    `error_count` sentences about what is not as it was stored, `shared_with` the other backups that have part in it."""

    backup_id: int
    job_id: int
    job_name: str = ''
    trigger: Trigger = Trigger.MANUAL
    size_bytes: int = 0
    verify_status: Literal['ok', 'damaged'] | None = None
    verify_errors: list[str] = []
    error_count: int = 0
    shared_with: list[int] = []
