"""One attempt to copy a client's files into a workspace: scan and link side by side, then fetch what differs."""

import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace

from plumbus.backup.arrivals import Arrivals, lies_there
from plumbus.backup.entries import entry_of
from plumbus.backup.finishing import Finishing, Listed, Pulled
from plumbus.backup.first_copy import FirstCopy
from plumbus.backup.guards import RoomGuard, size
from plumbus.backup.joining import Joined
from plumbus.backup.linking import fill
from plumbus.backup.listing import OutputReader, nul_separated
from plumbus.backup.manifest import Entry, ManifestWriter
from plumbus.backup.plain import NewLines
from plumbus.backup.plan import Plan
from plumbus.backup.readying import Readying
from plumbus.backup.remains import entries_below
from plumbus.backup.reporting import readable
from plumbus.backup.rsync_runs import RsyncRuns
from plumbus.backup.scanning import Scanning
from plumbus.backup.snapshots import Snapshot
from plumbus.backup.syncing import sync
from plumbus.backup.tally import Tally
from plumbus.backup.tree import Tree
from plumbus.backup.workspace import Workspace
from plumbus.transfer import rsync
from plumbus.transfer.items import Item, TransferProgress
from plumbus.transfer.sources import source_feed

MAX_WARNINGS = 100
# To fetch so much once more, after a kill, costs less than a longer way for each of very many small files.
LARGE = 16 * 2**20
NOT_KEPT = 'left out, for without root and extended attributes no device file can be kept'


@dataclass(kw_only=True, slots=True)
class Pull:
    """`previous` is the job's newest snapshot, None for its first run; `moment` the time that the new snapshot will be named by,
    in seconds. `distrusted` files are fetched in any case."""

    runs: RsyncRuns
    options: rsync.Options
    workspace: Workspace
    previous: Snapshot | None
    room: RoomGuard
    moment: int
    distrusted: frozenset[bytes] = frozenset()

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
        return self.runs.pulled

    def _first_run(self) -> None:
        tally = self.runs.pulled.tally
        plain = NewLines(tally, self.options.seal)
        to_count = replace(self.options, acls=False, xattrs=False)  # to look at them is a third of the work
        self._scanning().all(
            self.workspace.tree, lambda item: tally.see(item, entry_of(item)), plain.skim, to_count
        )
        tally.fetch_files, tally.fetch_bytes = tally.files, tally.bytes
        self._announce()
        self._keep_halves(tally)
        self.room.check(self.runs.pulled.tally.fetch_bytes, self.runs.pulled.tally.inodes)
        with ManifestWriter(self.workspace.noted) as writer:
            noted = Listed(self.workspace.noted, writer)
            copy = FirstCopy(
                noted=noted,
                reporter=self.runs.reporter,
                moment=self.moment,
                seal=self.options.seal,
                look=self.room.look,
            )
            where = (
                self.runs.session.rsync_shell,
                self.runs.session.alias,
                self.runs.source_paths,
                self.workspace.tree,
            )
            arguments = rsync.fetch_all_arguments(self.options, *where)
            self._transfer(arguments, copy.reader, source_feed(self.runs.source_paths))
        doubtful = self.runs.pulled.exit_code != 0
        if noted.whole and not doubtful and not self.runs.retried:
            self._finishing().take_over(noted, copy.came)
            return
        with self.workspace.open_tree() as tree:

            def outcome(entry: Entry) -> Entry | None:
                if entry.path in self.runs.retried:
                    self.runs.retried.discard(entry.path)
                    return None
                return None if doubtful and not lies_there(tree, entry) else entry

            self._finishing().write(noted.entries(), outcome)

    def _next_run(self, plan: Plan, listed: Listed | Joined) -> None:
        self.runs.pulled.tally = plan.tally
        self._announce()
        self._keep_halves(plan.tally)
        self.room.check(self.runs.pulled.tally.fetch_bytes, self.runs.pulled.tally.inodes)
        arrivals = Arrivals(plan)
        if plan.changes_anything:
            self.workspace.fetching = True
            self.runs.reporter.phase('preparing')
            self._make_ready(plan)
            self._fetch(plan, arrivals)
        finishing = self._finishing()
        if isinstance(listed, Joined) and listed.nothing_new and finishing.share(listed):
            return
        if isinstance(listed, Listed) and self.previous is not None and listed.whole and plan.is_empty:
            finishing.take_over(listed, plan.tally, as_before=plan.as_before)
            return
        rests_on_last = (
            isinstance(listed, Joined)
            and arrivals.all_came
            and finishing.write_changes(listed, arrivals.outcome)
        )
        if not rests_on_last:
            finishing.write(listed.entries(), arrivals.outcome)
        finishing.count_changes(plan.tally, arrivals.dropped)

    def _keep_halves(self, tally: Tally) -> None:
        """Where large files come, have them received in a folder of their own: what is there of one outlives a killed rsync.

        rsync 3.5.0 walks to it from the root four times for each file, which costs a fifth of a run over small ones.
        """
        if tally.fetch_largest > LARGE:
            self.options = replace(self.options, temp_dir=self.workspace.temporary_of_rsync)

    def _scan_in_place(self) -> tuple[Plan, Listed]:
        """Go on with the tree of a first run that was interrupted: nothing shares with it."""
        self.runs.reporter.say('going on with what an interrupted run has fetched')
        if self.workspace.manifest.exists() and not self.workspace.noted.exists():
            self.workspace.manifest.replace(self.workspace.noted)
        with self.workspace.open_tree() as tree:
            apart = self.workspace.apart
            known = entries_below(tree, self.workspace.noted, self.runs.cancellation.check, apart)
            return self._scanning().compared(self.workspace.tree, known)

    def _scan_and_link(self, previous: Snapshot) -> tuple[Plan, Listed | Joined]:
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix='link') as helper:
            linking = helper.submit(self._link_copy, previous)
            try:
                return self._scanning().against(previous)
            finally:
                linking.result()

    def _scanning(self) -> Scanning:
        return Scanning(
            options=self.options,
            runs=self.runs,
            workspace=self.workspace,
            moment=self.moment,
            distrusted=self.distrusted,
        )

    def _link_copy(self, previous: Snapshot) -> None:
        """Link-copy the last tree: it is ours. On the disk it comes while the client is still looked over: less is left to do at
        the end."""
        if not self.workspace.filled:
            where = previous.tree, self.workspace.tree
            self.runs.accept(
                fill(*where, self.runs.home, self.runs.cancellation, self.runs.time_left()), 'transfer'
            )
            sync(self.workspace.path, self.runs.home, self.runs.cancellation)

    def _make_ready(self, plan: Plan) -> None:
        with ExitStack() as stack:
            tree = stack.enter_context(self.workspace.open_tree())
            usable = [one for one in self.workspace.usable_remains if one.tree.is_dir()]
            remains = [stack.enter_context(Tree(one.tree, fake_super=tree.fake_super)) for one in usable]
            shared = not (self.workspace.continued or self.workspace.apart)
            Readying(tree, remains, shared, self.runs.cancellation.check).make_ready(plan)

    def _fetch(self, plan: Plan, arrivals: Arrivals) -> None:
        self._fetch_listed(plan.asked(), arrivals)
        if left := arrivals.not_along():
            self._fetch_listed(left, arrivals)
        with self.workspace.open_tree() as tree:
            arrivals.settle(tree, doubtful=self.runs.pulled.exit_code != 0)
            if self.previous is not None and self.workspace.filled:
                with Tree(self.previous.tree) as last:
                    arrivals.keep_inherited(tree, last)

    def _fetch_listed(self, paths: list[bytes], arrivals: Arrivals) -> None:
        def take(item: Item) -> None:
            arrivals.take(item, reader.algorithm)

        reader = OutputReader(take, self._show_transfer, self.options.seal)
        arguments = rsync.fetch_listed_arguments(
            self.options, self.runs.session.rsync_shell, self.runs.session.alias, self.workspace.tree
        )
        self._transfer(arguments, reader, nul_separated(paths))

    def _finishing(self) -> Finishing:
        return Finishing(
            pulled=self.runs.pulled,
            workspace=self.workspace,
            previous=self.previous,
            moment=self.moment,
            keep_going=self.runs.cancellation.check,
        )

    def _announce(self) -> None:
        tally = self.runs.pulled.tally
        self.runs.reporter.say(
            f'scan: {tally.files} files ({size(tally.bytes)}), {tally.new} new, {tally.changed} changed, {tally.deleted} gone; '
            f'to fetch: {tally.fetch_files} ({size(tally.fetch_bytes)})'
        )

    def _transfer(
        self, arguments: list[bytes], reader: OutputReader, feed: Iterable[bytes] | None = None
    ) -> None:
        tally = self.runs.pulled.tally
        self.workspace.fetching = True
        one = f'/{readable(tally.largest_path)}' if tally.fetch_files == 1 else None
        totals = {'bytes_total': tally.fetch_bytes, 'files_total': tally.fetch_files}
        self.runs.reporter.phase('fetching', **totals, current=one)
        outcome = self.runs.run(arguments, reader, feed)
        self.runs.accept(outcome, 'transfer')
        reader.check()
        if self.previous is None and not self.workspace.continued:
            self.runs.pulled.listed = reader.stats.get('files')
        self.runs.pulled.transferred_bytes += reader.stats.get('literal_bytes', 0)
        self.runs.pulled.exit_code = self.runs.pulled.exit_code or outcome.exit_code

    def _show_transfer(self, progress: TransferProgress | None, items: list[Item]) -> None:
        self.room.look()
        self.runs.reporter.show_transfer(progress, items, '/')
