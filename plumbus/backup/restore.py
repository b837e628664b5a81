"""One restore: from a snapshot back to a client or to this server, or a dry run that tells what it would do."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from plumbus.backup.destination import Destination, OnClient, OnServer
from plumbus.backup.execution import Execution
from plumbus.backup.pushing import Push
from plumbus.backup.reporting import Reporter
from plumbus.backup.safety import Safety
from plumbus.backup.snapshots import Snapshot, Snapshots
from plumbus.backup.targets import Targets
from plumbus.backup.undo import Undo
from plumbus.backup.undonotes import UndoNotes
from plumbus.cancellation import Cancellation
from plumbus.failures import failed
from plumbus.model import Backup, Client, Restore, Status
from plumbus.store.documents import Documents
from plumbus.transfer import rsync
from plumbus.transfer.remote import ended_over_there, new_mark
from plumbus.transfer.ssh import session

ONLY_RSYNC = 'the key of this client may run nothing but rsync'


@dataclass(kw_only=True, slots=True)
class RestoreRunner:
    """Executes restores; one object serves all worker threads. `base`: below it, and nowhere else, this server is restored to."""

    clients: Documents[Client]
    backups: Documents[Backup]
    targets: Targets
    snapshots: Snapshots
    execution: Execution[Restore]
    undo_notes: UndoNotes
    base: Path | None = None
    options: rsync.Options = field(default_factory=rsync.Options)

    def execute(self, restore_id: int, cancellation: Cancellation) -> None:
        """Given a queued restore, run it to its end. The record is final afterwards; nothing is raised."""

        def work(reporter: Reporter, _started: datetime) -> dict[str, Any]:
            return self._restore(self.execution.records.get(restore_id), reporter, cancellation)

        self.execution.carry_out(restore_id, cancellation, work)

    def _restore(self, restore: Restore, reporter: Reporter, cancellation: Cancellation) -> dict[str, Any]:
        if restore.undo_of is not None:
            return self._undo(restore, restore.undo_of, reporter, cancellation)
        snapshot = self.snapshots.at(self.backups.get(restore.backup_id).backup_path)
        with self._destination(restore, snapshot, reporter, cancellation) as destination:
            return Push(
                restore=restore,
                snapshot=snapshot,
                target=self._target(restore),
                destination=destination,
                reporter=reporter,
                cancellation=cancellation,
                work_folder=self.snapshots.data_dir,
                safety=self._safety(restore, destination, reporter),
            ).run()

    def _safety(self, restore: Restore, destination: Destination, reporter: Reporter) -> Safety | None:
        if not restore.safety_copy or restore.dry_run or not isinstance(destination, OnClient):
            return None
        if not destination.options.mark:
            raise failed('safety_copy', reason=f'{ONLY_RSYNC}.')
        return Safety(
            client=destination,
            restore_id=restore.id,
            undo_notes=self.undo_notes,
            reporter=reporter,
            record=partial(self.execution.record, restore.id),
        )

    def _undo(
        self, restore: Restore, undone_id: int, reporter: Reporter, cancellation: Cancellation
    ) -> dict[str, Any]:
        note = self.undo_notes.read(undone_id)
        options = rsync.Options(acls=self.options.acls, xattrs=self.options.xattrs, seal=secrets.token_hex(8))
        with self._connected(restore.client_id, options, reporter.say, cancellation) as client:
            undo = Undo(client=client, note=note, reporter=reporter, work_folder=self.undo_notes.folder)
            ending = undo.run()
        if ending['status'] is Status.COMPLETED:
            self.execution.record(undone_id, undoable=False, undone_by=restore.id)
            self.undo_notes.delete(undone_id)
        return ending

    @contextmanager
    def _destination(
        self, restore: Restore, snapshot: Snapshot, reporter: Reporter, cancellation: Cancellation
    ) -> Iterator[Destination]:
        home = self.snapshots.data_dir
        options = replace(
            rsync.Options(acls=self.options.acls, xattrs=self.options.xattrs),
            fake_super=snapshot.owners == 'fake-super',
            seal=secrets.token_hex(8),
        )
        if restore.to_server:
            yield OnServer(base=self._base(), options=options, home=home, cancellation=cancellation)
            return
        with self._connected(restore.client_id, options, reporter.say, cancellation) as client:
            yield client

    @contextmanager
    def _connected(
        self, client_id: int, options: rsync.Options, tell: Callable[[str], None], cancellation: Cancellation
    ) -> Iterator[OnClient]:
        target, _ = self.targets.met(self.clients.get(client_id))
        client = self.clients.get(client_id)  # with what a first contact told of its login
        mark = '' if client.restricted else new_mark()
        options = replace(options, secluded=not client.restricted, sudo=client.use_sudo, mark=mark)
        with (
            session(target, self.targets.keys, cancellation) as connection,
            ended_over_there(connection, mark, cancellation, sudo=client.use_sudo, tell=tell),
        ):
            yield OnClient(connection=connection, options=options, home=self.snapshots.data_dir)

    def _base(self) -> Path:
        if self.base is None:
            raise failed('restore_base', folder='', reason='PLUMBUS_RESTORE_BASE is not set')
        return self.base.resolve()

    def _target(self, restore: Restore) -> str:
        """Where it goes; on this server the base may be known by a link."""
        if restore.to_server and self.base and restore.restore_path:
            return str(self._base() / Path(restore.restore_path).relative_to(self.base))
        return restore.restore_path or '/'
