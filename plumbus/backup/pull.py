"""One attempt to copy a client's files into a workspace: scan and link side by side, then fetch what differs."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from plumbus.backup.arrivals import Arrivals, lies_there
from plumbus.backup.entries import entry_of
from plumbus.backup.execution import IDLE_TIMEOUT_S, judged
from plumbus.backup.finishing import Finishing, Listed, Pulled
from plumbus.backup.guards import RoomGuard, size
from plumbus.backup.linking import fill
from plumbus.backup.listing import OutputReader, Skim, nul_separated, retried_file
from plumbus.backup.manifest import Entry, ManifestWriter, read_manifest
from plumbus.backup.plain import NewLines, UnchangedLines
from plumbus.backup.plan import Plan, Planner, Tally, folders_above
from plumbus.backup.readying import Readying
from plumbus.backup.remains import entries_below
from plumbus.backup.reporting import Reporter, readable, show_errors
from plumbus.backup.snapshots import Snapshot
from plumbus.backup.tree import Tree
from plumbus.backup.workspace import Workspace
from plumbus.cancellation import Cancellation
from plumbus.transfer import rsync
from plumbus.transfer.items import Item, TransferProgress
from plumbus.transfer.names import path_bytes
from plumbus.transfer.outcome import Stage
from plumbus.transfer.process import Outcome
from plumbus.transfer.processes import moved_mebibytes
from plumbus.transfer.ssh import SshSession

MAX_WARNINGS = 100
# To fetch so much once more, after a kill, costs less than a longer way for each of very many small files.
LARGE = 16 * 2**20
NOT_KEPT = 'left out, for without root and extended attributes no device file can be kept'


@dataclass(kw_only=True, slots=True)
class Pull:
    """`previous` is the job's newest snapshot, None for its first run; `deadline` is a time of time.monotonic().

    `moment` is the time that the new snapshot will be named by, in seconds. `distrusted` files are fetched in any case.
    `retried` files came badly at first and are listed a second time at the end.
    """

    sources: list[str]
    options: rsync.Options
    session: SshSession
    workspace: Workspace
    previous: Snapshot | None
    reporter: Reporter
    cancellation: Cancellation
    home: Path
    room: RoomGuard
    moment: int
    distrusted: frozenset[bytes] = frozenset()
    deadline: float | None = None
    retried: set[bytes] = field(default_factory=set)
    pulled: Pulled = field(default_factory=lambda: Pulled(tally=Tally()))

    def run(self) -> Pulled:
        """Return what was brought; the workspace then holds a whole tree and its manifest.

        Raise TransferFailed with the cause if it cannot be had, Cancelled if someone asked to stop.
        """
        self.options = replace(
            self.options,
            partial_dir=self.workspace.partial,
            seal=secrets.token_hex(8),
        )
        if self.previous is not None:
            self._next_run(*self._scan_and_link(self.previous))
        elif self.workspace.continued:
            self._next_run(*self._scan_in_place())
        else:
            self._first_run()
        self.workspace.tidy()
        return self.pulled

    def _first_run(self) -> None:
        tally = self.pulled.tally
        plain = NewLines(tally, self.options.seal)
        to_count = replace(self.options, acls=False, xattrs=False)  # to look at them is a third of the work
        self._scan(self.workspace.tree, lambda item: tally.see(item, entry_of(item)), plain.skim, to_count)
        tally.fetch_files, tally.fetch_bytes = tally.files, tally.bytes
        self._announce()
        self._keep_halves(tally)
        self.room.check(self.pulled.tally.fetch_bytes, self.pulled.tally.inodes)
        came = Tally()
        with ManifestWriter(self.workspace.noted) as writer:
            noted = Listed(self.workspace.noted, writer)

            def take(item: Item) -> None:
                if not item.is_deleted:
                    entry = entry_of(item, algorithm=reader.algorithm, born=self.moment)
                    came.see(item, entry)
                    noted.add(entry)

            reader = OutputReader(take, self._show_transfer, self.options.seal)
            where = self.session.rsync_shell, self.session.alias, self._sources(), self.workspace.tree
            arguments = rsync.fetch_all_arguments(self.options, *where)
            self._transfer(arguments, reader, rsync.source_feed(self._sources()))
        doubtful = self.pulled.exit_code != 0
        if noted.whole and not doubtful and not self.retried:
            self._finishing().take_over(noted, came)
            return
        with self.workspace.open_tree() as tree:

            def outcome(entry: Entry) -> Entry | None:
                if entry.path in self.retried:
                    self.retried.discard(entry.path)
                    return None
                return None if doubtful and not lies_there(tree, entry) else entry

            self._finishing().write(self.workspace.noted, outcome)

    def _next_run(self, plan: Plan, listed: Listed) -> None:
        self.pulled.tally = plan.tally
        self._announce()
        self._keep_halves(plan.tally)
        self.room.check(self.pulled.tally.fetch_bytes, self.pulled.tally.inodes)
        arrivals = Arrivals(plan)
        if plan.changes_anything:
            self.workspace.fetching = True
            self.reporter.phase('preparing')
            self._make_ready(plan)
            self._fetch(plan, arrivals)
        finishing = self._finishing()
        if self.previous is not None and listed.whole and plan.is_empty:
            finishing.take_over(listed, plan.tally, as_before=plan.as_before)
            return
        finishing.write(listed.path, arrivals.outcome)
        finishing.count_changes(plan.tally, arrivals.dropped)

    def _keep_halves(self, tally: Tally) -> None:
        """Where large files come, have them received in a folder of their own: what is there of one outlives a killed rsync.

        rsync 3.5.0 walks to it from the root four times for each file, which costs a fifth of a run over small ones.
        """
        if tally.fetch_largest > LARGE:
            self.options = replace(self.options, temp_dir=self.workspace.temporary_of_rsync)

    def _scan_in_place(self) -> tuple[Plan, Listed]:
        """Go on with the tree of a first run that was interrupted: nothing shares with it."""
        self.reporter.say('going on with what an interrupted run has fetched')
        if self.workspace.manifest.exists() and not self.workspace.noted.exists():
            self.workspace.manifest.replace(self.workspace.noted)
        with self.workspace.open_tree() as tree:
            apart = self.workspace.apart
            known = entries_below(tree, self.workspace.noted, self.cancellation.check, apart)
            return self._compared(self.workspace.tree, known)

    def _scan_and_link(self, previous: Snapshot) -> tuple[Plan, Listed]:
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix='link') as helper:
            linking = helper.submit(self._link_copy, previous)
            try:
                return self._compared(previous.tree, read_manifest(previous.manifest))
            finally:
                linking.result()

    def _compared(self, tree: Path, known: Iterator[Entry]) -> tuple[Plan, Listed]:
        """Given a tree of ours and what is known of it, return what differs on the client, and all that was seen there."""
        with ManifestWriter(self.workspace.scanned) as writer:
            scanned = Listed(self.workspace.scanned, writer)
            above = folders_above(self._sources())
            planner = Planner(known, scanned.add, self.distrusted, above, scanned.add_files)
            self._scan(tree, planner.add, UnchangedLines(planner, self.options.seal).skim)
        return planner.finish(lambda: read_manifest(scanned.path)), scanned

    def _scan(
        self, against: Path, take: Callable[[Item], None], skim: Skim, options: rsync.Options | None = None
    ) -> None:
        self.reporter.phase('scanning')
        seen = 0

        def show(_progress: TransferProgress | None, items: list[Item]) -> None:
            nonlocal seen
            seen += len(items)
            self.reporter.found(seen + reader.skimmed, f'/{readable(items[-1].path)}' if items else None)

        arguments = rsync.scan_arguments(
            options or self.options, self.session.rsync_shell, self.session.alias, self._sources(), against
        )
        reader = OutputReader(take, show, self.options.seal, skim)
        self._accept(self._run(arguments, reader, rsync.source_feed(self._sources())), 'scan')
        reader.check()
        self._warn(f'/{readable(path)}: {NOT_KEPT}' for path in reader.skipped)

    def _link_copy(self, previous: Snapshot) -> None:
        """Link-copy the last tree: it is ours."""
        if not self.workspace.filled:
            where = previous.tree, self.workspace.tree
            self._accept(fill(*where, self.home, self.cancellation, self._time_left()), 'transfer')

    def _make_ready(self, plan: Plan) -> None:
        with ExitStack() as stack:
            tree = stack.enter_context(self.workspace.open_tree())
            usable = [one for one in self.workspace.usable_remains if one.tree.is_dir()]
            remains = [stack.enter_context(Tree(one.tree, fake_super=tree.fake_super)) for one in usable]
            shared = not (self.workspace.continued or self.workspace.apart)
            Readying(tree, remains, shared, self.cancellation.check).make_ready(plan)

    def _fetch(self, plan: Plan, arrivals: Arrivals) -> None:
        self._fetch_listed(plan.asked(), arrivals)
        if left := arrivals.not_along():
            self._fetch_listed(left, arrivals)
        with self.workspace.open_tree() as tree:
            arrivals.settle(tree, doubtful=self.pulled.exit_code != 0)
            if self.previous is not None and self.workspace.filled:
                with Tree(self.previous.tree) as last:
                    arrivals.keep_inherited(tree, last)

    def _fetch_listed(self, paths: list[bytes], arrivals: Arrivals) -> None:
        def take(item: Item) -> None:
            arrivals.take(item, reader.algorithm)

        reader = OutputReader(take, self._show_transfer, self.options.seal)
        arguments = rsync.fetch_listed_arguments(
            self.options, self.session.rsync_shell, self.session.alias, self.workspace.tree
        )
        self._transfer(arguments, reader, nul_separated(paths))

    def _finishing(self) -> Finishing:
        return Finishing(
            pulled=self.pulled,
            workspace=self.workspace,
            previous=self.previous,
            moment=self.moment,
            keep_going=self.cancellation.check,
        )

    def _sources(self) -> list[bytes]:
        return [path_bytes(path) for path in self.sources]

    def _announce(self) -> None:
        tally = self.pulled.tally
        self.reporter.say(
            f'scan: {tally.files} files ({size(tally.bytes)}), {tally.new} new, {tally.changed} changed, {tally.deleted} gone; '
            f'to fetch: {tally.fetch_files} ({size(tally.fetch_bytes)})'
        )

    def _transfer(
        self, arguments: list[bytes], reader: OutputReader, feed: Iterable[bytes] | None = None
    ) -> None:
        tally = self.pulled.tally
        self.workspace.fetching = True
        one = f'/{readable(tally.largest_path)}' if tally.fetch_files == 1 else None
        totals = {'bytes_total': tally.fetch_bytes, 'files_total': tally.fetch_files}
        self.reporter.phase('fetching', **totals, current=one)
        outcome = self._run(arguments, reader, feed)
        self._accept(outcome, 'transfer')
        reader.check()
        self.pulled.transferred_bytes += reader.stats.get('literal_bytes', 0)
        self.pulled.exit_code = self.pulled.exit_code or outcome.exit_code

    def _show_transfer(self, progress: TransferProgress | None, items: list[Item]) -> None:
        self.room.look()
        self.reporter.show_transfer(progress, items, '/')

    def _run(
        self, arguments: list[bytes], reader: OutputReader, feed: Iterable[bytes] | None = None
    ) -> Outcome:
        show = show_errors(self.reporter)

        def hear(lines: list[bytes]) -> None:
            self.retried.update(filter(None, map(retried_file, lines)))
            show(lines)

        return self.session.shared.run(
            arguments,
            cancellation=self.cancellation,
            env={**rsync.environment(self.home), **self.session.env},
            feed=feed,
            on_output=reader,
            on_error=hear,
            idle_timeout_s=IDLE_TIMEOUT_S,
            time_limit_s=self._time_left(),
            activity=moved_mebibytes,  # for minutes rsync says nothing while it compares a big file with what is here
        )

    def _time_left(self) -> float | None:
        return None if self.deadline is None else max(1.0, self.deadline - time.monotonic())

    def _accept(self, outcome: Outcome, stage: Stage) -> None:
        """Take over the complaints about single files; raise if the child's end means that there is no whole tree."""
        sources = self.sources if stage == 'scan' else ()
        told = judged(outcome, stage, self.cancellation, sources)
        if told.severity == 'warning':
            self.pulled.partial = True
        if told.cause:
            self._warn(told.files or [told.message])

    def _warn(self, texts: Iterable[str]) -> None:
        known = self.pulled.warnings
        known += [text for text in texts if text not in known]
        del known[MAX_WARNINGS:]
