"""Keeps on the client, beside where a restore goes, a copy of what it will overwrite, delete or give other attributes."""

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from plumbus.backup.changes import Change, Plan
from plumbus.backup.destination import OnClient, Order
from plumbus.backup.execution import IDLE_TIMEOUT_S, judged
from plumbus.backup.listing import OutputReader, nul_separated
from plumbus.backup.reporting import Reporter, show_errors
from plumbus.backup.undonotes import Touched, UndoNote, UndoNotes
from plumbus.errors import Cancelled, PlumbusError
from plumbus.failures import failed
from plumbus.transfer import there
from plumbus.transfer.lookup import Found
from plumbus.transfer.names import path_text
from plumbus.transfer.process import Outcome
from plumbus.transfer.rsync import SAFETY_NAME


@dataclass(kw_only=True, slots=True)
class Safety:
    """Makes the safety copy of one restore. `record` stores fields of the restore's record at once."""

    client: OnClient
    restore_id: int
    undo_notes: UndoNotes
    reporter: Reporter
    record: Callable[..., None]

    def beside(self, order: Order) -> bytes:
        """Given what is to be restored where, return the folder over there in which the copy is made."""
        into = order.target.rstrip(b'/')
        tops = [
            into + b'/' + (path.strip(b'/') if order.relative else os.path.basename(path))
            for path in order.paths
        ]
        return os.path.commonpath([os.path.dirname(top) for top in tops])

    def keep(self, plan: Plan, found: Mapping[bytes, Found], order: Order) -> None:
        """Given the plan and what lies there, copy that aside. Raise TransferFailed if not all of it can be, Cancelled."""
        kept = [change for change in plan.changes(found) if change.old]
        copy = self._place(self.beside(order)) if kept else None
        folders = self._folders(plan, found, copy)
        times = folder_times(self.client, folders, self.undo_notes.folder)
        if copy:
            self.record(safety_path=path_text(copy))
            self.reporter.say(f'keeping what lies there in {path_text(copy)}')
            self._copy(copy, kept)
        touched = (_touched(change) for change in plan.changes(found))
        self.undo_notes.write(self.restore_id, UndoNote(copy=copy, times=times, touched=touched))
        self.record(undoable=True)

    def _place(self, beside: bytes) -> bytes:
        name = b'/' + SAFETY_NAME.encode() + str(self.restore_id).encode()
        if self.client.options.sudo:
            return beside.rstrip(b'/') + name
        told: list[bytes] = []
        connection = self.client.connection
        outcome = connection.shared.run(
            connection.ssh_argv(there.place_command(beside)),
            env=self.client.env,
            on_output=told.extend,
            idle_timeout_s=IDLE_TIMEOUT_S,
        )
        judged(outcome, 'restore', connection.cancellation)
        home = next((line for line in told if line.startswith(b'/')), b'')
        if b'here' not in told and not home:
            raise failed('safety_copy', reason='no folder was found that this login may write to.')
        return (beside if b'here' in told else home).rstrip(b'/') + name

    def _folders(self, plan: Plan, found: Mapping[bytes, Found], copy: bytes | None) -> list[bytes]:
        """The folders over there that are there before and after, whose times change as something in them does."""
        parents = {os.path.dirname(planned.path) for planned in plan} | (
            {os.path.dirname(copy)} if copy else set()
        )
        above = self.client.look_up(sorted(parents - found.keys() - {b'/'})) or {}
        return sorted(path for path, there in {**above, **found}.items() if there.kind == 'folder')

    def _copy(self, copy: bytes, kept: Iterable[Change]) -> None:
        options = self.client.options
        self.reporter.phase(
            'keeping', bytes_total=sum(one.old.size for one in kept if one.old and one.old.kind == 'file')
        )
        reader = OutputReader(lambda _: None, lambda progress, _: self.reporter.show_transfer(progress, []))
        paths = [change.planned.path for change in kept]
        try:
            outcome = run_there(self.client, there.keep_command(options, copy), paths, reader, self.reporter)
            told = judged(outcome, 'restore', self.client.connection.cancellation)
        except Cancelled:
            raise
        except PlumbusError as error:
            raise failed('safety_copy', reason=str(error)) from error
        if told.severity == 'warning':
            raise failed('safety_copy', reason=f'{told.message} {"; ".join(told.files[:3])}.')


def run_there(
    client: OnClient, command: str, paths: list[bytes], reader: OutputReader, reporter: Reporter
) -> Outcome:
    """Given a command for the client that reads paths, run it with these."""
    return client.connection.shared.run(
        client.connection.ssh_argv(command),
        feed=nul_separated(paths),
        env=client.env,
        on_output=reader,
        on_error=show_errors(reporter),
        idle_timeout_s=IDLE_TIMEOUT_S,
    )


def folder_times(client: OnClient, folders: list[bytes], work_folder: Path) -> dict[bytes, int]:
    """Given folders of the client, return when each was modified, in nanoseconds. Raise TransferFailed, Cancelled."""
    work_folder.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work_folder) as name:
        connection = client.connection
        outcome = connection.shared.run(
            there.read_times_arguments(client.options, connection.rsync_shell, connection.alias, Path(name)),
            feed=nul_separated(folders),
            env=client.env,
            idle_timeout_s=IDLE_TIMEOUT_S,
        )
        judged(outcome, 'restore', connection.cancellation)
        found = {folder: _time(os.fsencode(name) + folder) for folder in folders}
        return {folder: time for folder, time in found.items() if time is not None}


def _time(path: bytes) -> int | None:
    try:
        return os.lstat(path).st_mtime_ns
    except OSError:
        return None


def _touched(change: Change) -> Touched:
    kind = change.old.kind if change.old else change.planned.kind
    return Touched(change.planned.path, change.old is not None, kind == 'folder')
