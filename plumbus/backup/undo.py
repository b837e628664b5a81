"""Undoes a restore: removes what it made, brings back from the safety copy what it took the place of."""

import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plumbus.backup.changes import Change, Summary, planned_change
from plumbus.backup.destination import OnClient
from plumbus.backup.execution import IDLE_TIMEOUT_S, judged
from plumbus.backup.listing import OutputReader, nul_separated
from plumbus.backup.reporting import Reporter, readable, show_errors
from plumbus.backup.safety import run_there
from plumbus.backup.undonotes import UndoNote
from plumbus.model import Status
from plumbus.transfer import there
from plumbus.transfer.items import Item, unescape
from plumbus.transfer.names import path_text
from plumbus.transfer.outcome import Explanation

NOT_EMPTY = re.compile(rb'cannot delete non-empty directory: (.+)', re.DOTALL)
LEFT = 'Folders that the restore made were left, for something else lies in them by now: '
MOST_NAMED = 10


@dataclass(kw_only=True, slots=True)
class Undo:
    """One undo at work. Whatever interrupts it, it can be run again; the safety copy goes when all is done."""

    client: OnClient
    note: UndoNote
    reporter: Reporter
    work_folder: Path
    summary: Summary = field(default_factory=Summary)
    files: int = 0
    moved: int = 0
    left: list[str] = field(default_factory=list)
    complaints: list[Explanation] = field(default_factory=list)

    def run(self) -> dict[str, Any]:
        """Return the fields of the ended record. Raise TransferFailed with the cause, or Cancelled."""
        self.reporter.phase('undoing')
        self.reporter.say('removing what the restore made')
        self._remove([one.path for one in self.note.touched if not one.kept and not one.folder])
        self._remove_folders()
        if self.note.copy:
            self.reporter.say(f'bringing back what lies in {path_text(self.note.copy)}')
            self._bring_back(self.note.copy)
        if self.note.copy and not self.complaints:
            self._remove([self.note.copy], whole=True, counting=False)
        self._set_times()
        return self._ending()

    def _remove_folders(self) -> None:
        """The deepest first: rsync removes empty ones only, and looks at those above before."""
        by_depth: defaultdict[int, list[bytes]] = defaultdict(list)
        for one in self.note.touched:
            if one.folder and not one.kept:
                by_depth[one.path.count(b'/')].append(one.path)
        for depth in sorted(by_depth, reverse=True):
            self._remove(by_depth[depth])

    def _remove(self, paths: list[bytes], *, whole: bool = False, counting: bool = True) -> None:
        if not paths:
            return
        connection = self.client.connection
        reader = self._reader(self.client.options.seal, counting=counting)

        def read(lines: list[bytes]) -> None:
            reader(lines)
            self.left += [
                readable(unescape(found[1])) for line in lines if (found := NOT_EMPTY.fullmatch(line))
            ]

        outcome = connection.shared.run(
            there.remove_arguments(
                self.client.options, connection.rsync_shell, connection.alias, connection.empty, whole=whole
            ),
            feed=nul_separated(paths),
            env=self.client.env,
            on_output=read,
            idle_timeout_s=IDLE_TIMEOUT_S,
        )
        self._note(judged(outcome, 'restore', connection.cancellation))

    def _bring_back(self, copy: bytes) -> None:
        reader = self._reader('', counting=True)
        paths = [one.path for one in self.note.touched if one.kept]
        command = there.bring_back_command(self.client.options, copy)
        outcome = run_there(self.client, command, paths, reader, self.reporter)
        self._note(judged(outcome, 'restore', self.client.connection.cancellation))
        self.moved = reader.stats.get('transferred_bytes', 0)

    def _set_times(self) -> None:
        """Folders in which something came or went have other times now."""
        connection = self.client.connection
        with tempfile.TemporaryDirectory(dir=self.work_folder) as name:
            _lay_out(os.fsencode(name), self.note.times)
            outcome = connection.shared.run(
                there.set_times_arguments(
                    self.client.options, connection.rsync_shell, connection.alias, Path(name)
                ),
                feed=nul_separated(sorted(self.note.times)),
                env=self.client.env,
                on_error=show_errors(self.reporter),
                idle_timeout_s=IDLE_TIMEOUT_S,
            )
        judged(outcome, 'restore', connection.cancellation)  # folders of others keep their new times

    def _reader(self, seal: str, *, counting: bool) -> OutputReader:
        def take(item: Item) -> None:
            if counting and not item.is_unchanged:
                planned = planned_change(item, b'')
                self.summary.add(Change(planned))
                self.files += planned.kind != 'folder'

        return OutputReader(take, self.reporter.show_transfer, seal)

    def _note(self, told: Explanation) -> None:
        if told.severity == 'warning':
            self.complaints.append(told)

    def _ending(self) -> dict[str, Any]:
        why = self.complaints[0] if self.complaints else None
        return {
            'status': Status.WARNING if why else Status.COMPLETED,
            'error_message': f'{why.message} {why.remedy}'.strip() if why else None,
            'cause': why.cause if why else None,
            'warnings': [file for told in self.complaints for file in told.files][:100],
            'exit_code': 23 if why else 0,
            'file_count': self.files,
            'transferred_bytes': self.moved,
            'summary': self.summary.counts,
            'notes': [LEFT + ', '.join(self.left[:MOST_NAMED])] if self.left else [],
        }


def _lay_out(scratch: bytes, times: Mapping[bytes, int]) -> None:
    for folder in times:
        os.makedirs(scratch + folder, exist_ok=True)
    for folder, time in times.items():
        os.utime(scratch + folder, ns=(time, time))
