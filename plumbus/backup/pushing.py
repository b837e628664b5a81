"""Brings chosen paths of a snapshot to where they go: first planned, where something lies by a dry run of rsync, then done."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from plumbus.backup.changes import Plan
from plumbus.backup.copied import Copied, Counted
from plumbus.backup.destination import Destination, Order
from plumbus.backup.execution import IDLE_TIMEOUT_S, judged
from plumbus.backup.explore import tree_path
from plumbus.backup.fresh import Coming, Fresh
from plumbus.backup.listing import OutputReader, nul_separated
from plumbus.backup.plain import new_in_plan
from plumbus.backup.reporting import Reporter, readable, show_errors
from plumbus.backup.safety import Safety
from plumbus.backup.snapshots import Snapshot
from plumbus.backup.space import Rooms, Space
from plumbus.cancellation import Cancellation
from plumbus.errors import NotFound
from plumbus.failures import failed
from plumbus.model import Restore, Status
from plumbus.transfer.items import Item
from plumbus.transfer.lookup import Found
from plumbus.transfer.names import path_text
from plumbus.transfer.outcome import Explanation
from plumbus.transfer.processes import moved_mebibytes

MAX_CHANGES = 5_000
Take = Callable[[Item], None]
NOT_LOOKED_UP = 'What lies where the files go could not be looked at, so nobody knows what is overwritten.'


@dataclass(kw_only=True, slots=True)
class Push:
    """One restore at work. `target` is an absolute folder there; a plan is kept in `work_folder` while it is needed.
    `safety` keeps what lies there first."""

    restore: Restore
    snapshot: Snapshot
    target: str
    destination: Destination
    reporter: Reporter
    cancellation: Cancellation
    work_folder: Path
    safety: Safety | None = None
    notes: list[str] = field(default_factory=list)
    _lost: list[bytes] = field(default_factory=list)

    def run(self) -> dict[str, Any]:
        """Return the fields of the ended record. Raise TransferFailed with the cause, or Cancelled."""
        order = self._order()
        self.reporter.say(f'restoring {", ".join(self._wanted())} to {self._where()}')
        self.destination.prepare(order.target, make=False)
        with Plan(order.target, self.work_folder) as plan:
            self.reporter.phase('checking')
            if not self.restore.dry_run and (ending := self._fresh(order, plan)):
                return ending
            told = self._plan(order, plan)
            found = self.destination.look_up(chain(plan.in_the_way(), order.above))
            if found is None and self.safety:
                raise failed('safety_copy', reason=NOT_LOOKED_UP)
            if found is None:
                self._note(NOT_LOOKED_UP)
                found = {}
            else:
                self._lost = self._lost_above(order, found)
            self._folders(order, plan.take, dry_run=True)
            planned = self._counted(plan, found, order, Coming(), {})
            if self.restore.dry_run:
                return self._ending(told, planned)
            return self._carry_out(order, plan, found, planned)

    def _fresh(self, order: Order, plan: Plan) -> dict[str, Any] | None:
        """Restore without a dry run where nothing lies yet, and return the fields of the ended record; else None."""
        fresh = Fresh(snapshot=self.snapshot, order=order, whole=not self.restore.paths)
        ahead = fresh.nothing_there(self.destination)
        coming = fresh.coming() if ahead else None
        if ahead is None or coming is None:
            return None
        found = ahead.found
        self.reporter.say('nothing lies there yet')
        self._lost = self._lost_above(order, found)
        self._folders(order, plan.take, dry_run=True)
        planned = self._counted(plan, found, order, coming, ahead.rooms)
        if self.safety:
            fresh.note(plan)
        return self._carry_out(order, plan, found, planned)

    def _carry_out(
        self, order: Order, plan: Plan, found: Mapping[bytes, Found], planned: Counted
    ) -> dict[str, Any]:
        if self.safety:
            self.safety.keep(plan, found, order)
        self.destination.prepare(order.target, make=True)
        one = readable(planned.written_last) if planned.written == 1 else None
        totals = {'bytes_total': planned.total_bytes, 'files_total': planned.written}
        self.reporter.phase('restoring', **totals, current=one)
        copied = Copied(plan=plan, found=found, reporter=self.reporter, seal=self.destination.options.seal)
        self._folders(order, copied.count, dry_run=False)
        told = self._run(self.destination.arguments(order, dry_run=False), copied.reader())
        self._folders(order, lambda _: None, dry_run=False)  # they have other times by now
        return self._ending(told, copied.total())

    def _lost_above(self, order: Order, found: Mapping[bytes, Found]) -> list[bytes]:
        """The folders above what is put back that are not there. A key bound to a folder takes that for /: raise TransferFailed
        where the outermost are missing, for nobody looks for files in a copy of the whole path below that folder."""
        lost = [folder for folder in order.above if folder not in found]
        outermost = [folder for folder in lost if folder.count(b'/') == 1]
        if outermost and self.destination.bound:
            raise failed('bound_folder', folder=path_text(outermost[0]))
        return lost

    def _folders(self, order: Order, take: Callable[[Item], None], *, dry_run: bool) -> None:
        """Restore the lost folders above what is put back to where it came from."""
        if self._lost:
            arguments = self.destination.folders_arguments(order, dry_run=dry_run)
            reader = OutputReader(take, lambda _, __: None, self.destination.options.seal)
            self._run(arguments, reader, feed=nul_separated(self._lost))

    def _order(self) -> Order:
        paths = self._present(self._wanted())
        return Order(
            tree=self.snapshot.tree,
            paths=[tree_path(path) for path in paths],
            target=os.fsencode(self.target),
            relative=not self.restore.paths or self.restore.restore_path is None,
            delete=self.restore.delete,
        )

    def _wanted(self) -> list[str]:
        return self.restore.paths or list(self.snapshot.description()['job']['source_paths'])

    def _where(self) -> str:
        where = self.restore.restore_path or 'where it came from'
        return f'{where} on the PLUMBUS server' if self.restore.to_server else where

    def _counted(
        self, plan: Plan, found: Mapping[bytes, Found], order: Order, coming: Coming, rooms: Rooms
    ) -> Counted:
        """Count the changes of the plan and what comes besides, and see whether there is room. Raise TransferFailed if not."""
        planned = Counted(most_shown=MAX_CHANGES if self.restore.dry_run else 0)
        space = Space(
            plan=plan, stored=lambda path: self._stored(path, order), keeping=bool(self.safety), rooms=rooms
        )
        planned.add_new(coming)
        for folder, count in coming.room.items():
            space.needed[plan.existing_folder(folder + b'/')] += count
        for change in plan.changes(found):
            planned.add(change)
            space.add(change)
        if self.restore.dry_run:
            planned.shown.sort(key=lambda shown: str(shown['path']))
        elif unknown := space.check(
            self.destination, self.safety.beside(order) if self.safety else order.target
        ):
            self._note(unknown)
        return planned

    def _stored(self, path: bytes, order: Order) -> int:
        """The bytes that a file takes on the disk of the snapshot, by where it goes to."""
        below = path[len(order.target.rstrip(b'/')) :].lstrip(b'/')
        if not order.relative:
            top = below.split(b'/')[0]
            parents = [os.path.dirname(one) for one in order.paths if os.path.basename(one) == top]
            below = os.path.join(parents[0], below) if parents else below
        with self.snapshot.open_tree() as tree:
            try:
                return tree.lstat(below).st_blocks * 512
            except NotFound:
                return 2**63

    def _plan(self, order: Order, plan: Plan) -> 'Told':
        arguments = self.destination.arguments(order, dry_run=True)
        seal = self.destination.options.seal
        if self.restore.dry_run:  # whose log shows every change
            return self._run(arguments, OutputReader(plan.take, self.reporter.show_transfer, seal))
        return self._run(
            arguments, OutputReader(plan.take, lambda _, __: None, seal, new_in_plan(plan, seal).skim)
        )

    def _run(
        self, arguments: list[bytes], reader: OutputReader, feed: Iterable[bytes] | None = None
    ) -> 'Told':
        outcome = self.destination.run(
            arguments,
            cancellation=self.cancellation,
            env=self.destination.env,
            feed=feed,
            on_output=reader,
            on_error=show_errors(self.reporter),
            idle_timeout_s=IDLE_TIMEOUT_S,
            activity=moved_mebibytes,
        )
        told = judged(outcome, 'restore', self.cancellation)
        reader.check()
        return Told(told, outcome.exit_code, reader.stats.get('transferred_bytes', 0))

    def _note(self, sentence: str) -> None:
        self.notes.append(sentence)
        self.reporter.say(sentence)

    def _ending(self, told: 'Told', counted: Counted) -> dict[str, Any]:
        why = told.explanation
        warned = why.severity == 'warning'
        return {
            'status': Status.WARNING if warned else Status.COMPLETED,
            'error_message': f'{why.message} {why.remedy}'.strip() if warned else None,
            'cause': why.cause or None,
            'warnings': why.files,
            'exit_code': told.exit_code,
            'file_count': counted.files,
            'transferred_bytes': 0 if self.restore.dry_run else told.transferred_bytes,
            'changes': counted.shown,
            'summary': counted.summary.counts,
            'notes': [*self.restore.notes, *self.notes],
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


@dataclass(frozen=True, slots=True)
class Told:
    """How a run of rsync ended."""

    explanation: Explanation
    exit_code: int
    transferred_bytes: int
