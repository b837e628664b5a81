"""One restore: from a snapshot back to a client, or a dry run that tells what it would do."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from plumbus.backup.execution import IDLE_TIMEOUT_S, Execution, judged
from plumbus.backup.explore import tree_path
from plumbus.backup.listing import OutputReader
from plumbus.backup.reporting import Reporter, show_errors
from plumbus.backup.snapshots import Snapshot, Snapshots
from plumbus.backup.targets import Targets
from plumbus.cancellation import Cancellation
from plumbus.errors import NotFound
from plumbus.model import Backup, Client, Restore, Status
from plumbus.store.documents import Documents
from plumbus.transfer import process, rsync
from plumbus.transfer.items import Item
from plumbus.transfer.names import path_text
from plumbus.transfer.remote import ended_over_there, new_mark
from plumbus.transfer.ssh import SshSession, session

MAX_CHANGES = 10_000


@dataclass(kw_only=True, slots=True)
class RestoreRunner:
    """Executes restores; one object serves all worker threads."""

    clients: Documents[Client]
    backups: Documents[Backup]
    targets: Targets
    snapshots: Snapshots
    execution: Execution[Restore]
    options: rsync.Options = field(default_factory=rsync.Options)

    def execute(self, restore_id: int, cancellation: Cancellation) -> None:
        """Given a queued restore, run it to its end. The record is final afterwards; nothing is raised."""

        def work(reporter: Reporter, _started: datetime) -> dict[str, Any]:
            return self._restore(self.execution.records.get(restore_id), reporter, cancellation)

        self.execution.carry_out(restore_id, cancellation, work)

    def _restore(self, restore: Restore, reporter: Reporter, cancellation: Cancellation) -> dict[str, Any]:
        snapshot = self.snapshots.at(self.backups.get(restore.backup_id).backup_path)
        target, _ = self.targets.met(self.clients.get(restore.client_id))
        client = self.clients.get(restore.client_id)  # with what a first contact told of its login
        mark = '' if client.restricted else new_mark()
        with (
            session(target, self.targets.keys, cancellation) as connection,
            ended_over_there(connection, mark, cancellation, sudo=client.use_sudo, tell=reporter.say),
        ):
            push = Push(
                restore=restore,
                snapshot=snapshot,
                connection=connection,
                reporter=reporter,
                cancellation=cancellation,
                options=rsync.Options(
                    acls=self.options.acls,
                    xattrs=self.options.xattrs,
                    fake_super=snapshot.owners == 'fake-super',
                    secluded=not client.restricted,
                    sudo=client.use_sudo,
                    mark=mark,
                    seal=secrets.token_hex(8),
                ),
                environment=rsync.environment(self.snapshots.data_dir),
            )
            return push.run()


@dataclass(kw_only=True, slots=True)
class Push:
    """The rsync run of one restore and what it told."""

    restore: Restore
    snapshot: Snapshot
    connection: SshSession
    reporter: Reporter
    cancellation: Cancellation
    options: rsync.Options
    environment: dict[str, str]
    changes: list[dict[str, Any]] = field(default_factory=list)
    files: int = 0

    def run(self) -> dict[str, Any]:
        """Return the fields of the ended record. Raise TransferFailed with the cause, or Cancelled."""
        paths = self._present(self.restore.paths or self.snapshot.description()['job']['source_paths'])
        whole = not self.restore.paths or self.restore.restore_path is None
        self.reporter.say(
            f'restoring {", ".join(paths)} to {self.restore.restore_path or "where it came from"}'
        )
        self.reporter.phase(
            'checking' if self.restore.dry_run else 'restoring', bytes_total=self._size(paths)
        )
        reader = OutputReader(self._take, self.reporter.show_transfer, self.options.seal)
        outcome = process.run(
            rsync.push_arguments(
                self.options,
                self.connection.rsync_shell,
                self.connection.alias,
                self.snapshot.tree,
                paths=[tree_path(path) for path in paths],
                target=self.restore.restore_path or '/',
                relative=whole,
                delete=self.restore.delete,
                dry_run=self.restore.dry_run,
            ),
            cancellation=self.cancellation,
            env={**self.environment, **self.connection.env},
            on_output=reader,
            on_error=show_errors(self.reporter),
            idle_timeout_s=IDLE_TIMEOUT_S,
        )
        told = judged(outcome, 'restore', self.cancellation)
        reader.check()
        return {
            'status': Status.WARNING if told.severity == 'warning' else Status.COMPLETED,
            'error_message': f'{told.message} {told.remedy}'.strip() if told.severity == 'warning' else None,
            'cause': told.cause or None,
            'warnings': told.files,
            'exit_code': outcome.exit_code,
            'file_count': self.files,
            'transferred_bytes': 0 if self.restore.dry_run else reader.stats.get('transferred_bytes', 0),
            'changes': self.changes,
        }

    def _present(self, paths: list[str]) -> list[str]:
        """Those of the paths that are in the snapshot. rsync would follow a link on the way to one, out of the snapshot.

        Raise NotFound if none is.
        """
        with self.snapshot.open_tree() as tree:
            found = [path for path in paths if tree.kind(tree_path(path))]
        for path in paths:
            if path not in found:
                self.reporter.say(f'{path} is not in this backup')
        if not found:
            raise NotFound('Nothing of what is to be restored is in this backup.')
        return found

    def _size(self, paths: list[str]) -> int | None:
        """The bytes to come, where that is known without a walk: plain files only."""
        with self.snapshot.open_tree() as tree:
            encoded = [tree_path(path) for path in paths]
            if any(tree.kind(path) == 'd' for path in encoded):
                return None
            return sum(tree.lstat(path).st_size for path in encoded)

    def _take(self, item: Item) -> None:
        if item.is_unchanged:
            return
        self.files += not item.is_dir
        if self.restore.dry_run and len(self.changes) < MAX_CHANGES:
            self.changes.append({'path': path_text(item.path), 'action': action_of(item), 'size': item.size})


def action_of(item: Item) -> str:
    """Given an item of a dry run, return what would happen: 'create', 'overwrite', 'delete' or 'attributes'."""
    if item.change.startswith(b'*'):
        return 'delete'
    if item.is_new:
        return 'create'
    return 'overwrite' if item.has_data else 'attributes'
