"""The three that do the work: backups, restores, verifications; put together for the engine."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from plumbus.backup.capabilities import FileSystem
from plumbus.backup.execution import Execution
from plumbus.backup.guards import StoreGuard
from plumbus.backup.patience import Patience
from plumbus.backup.restore import RestoreRunner
from plumbus.backup.runner import BackupRunner
from plumbus.backup.snapshots import Snapshots
from plumbus.backup.targets import Targets
from plumbus.backup.undonotes import UndoNotes
from plumbus.backup.verification import VerifyRunner
from plumbus.config import Settings
from plumbus.model.hours import Quiet
from plumbus.scheduling.queue import Ticket
from plumbus.store.opened import Store
from plumbus.transfer import rsync


@dataclass(frozen=True, kw_only=True, slots=True)
class Runners:
    """One of each kind serves all worker threads."""

    backup: BackupRunner
    restore: RestoreRunner
    verify: VerifyRunner

    @classmethod
    def made(
        cls, *, store: Store, settings: Settings, targets: Targets, snapshots: Snapshots, options: rsync.Options,
        disk: FileSystem, guard: StoreGuard, clock: Callable[[], datetime], quiet: Callable[[int], Quiet | None], shared: dict[str, Any],
    ) -> Self:  # fmt: skip
        """Given what they work with, make all three. `quiet` tells of a job whether it has quiet hours; `shared` is what all executions have: logs, events, live."""
        on_machines: dict[str, Any] = {
            'clients': store.clients,
            'targets': targets,
            'snapshots': snapshots,
            'options': options,
        }
        return cls(
            backup=BackupRunner(
                jobs=store.jobs, store=guard, disk=disk, reserve_percent=settings.disk_reserve_percent,
                patience=Patience(window_minutes=settings.retry_window_minutes, zone=settings.zone), quiet=quiet,
                execution=Execution(kind='backup', records=store.backups, now=clock, **shared), **on_machines,
            ),
            restore=RestoreRunner(
                backups=store.backups, undo_notes=UndoNotes(snapshots.data_dir / 'undo'), base=settings.restore_base,
                execution=Execution(kind='restore', records=store.restores, now=clock, **shared), **on_machines,
            ),
            verify=VerifyRunner(
                backups=store.backups, snapshots=snapshots, store=guard,
                execution=Execution(kind='verify', records=store.verifications, now=clock, **shared),
            ),
        )  # fmt: skip

    def perform(self, ticket: Ticket) -> None:
        """Given a ticket, do its run in this thread."""
        runners: dict[str, BackupRunner | RestoreRunner | VerifyRunner] = {
            'backup': self.backup,
            'restore': self.restore,
            'verify': self.verify,
        }
        runners[ticket.kind].execute(ticket.run_id, ticket.cancellation)
