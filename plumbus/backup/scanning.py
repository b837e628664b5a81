"""Looks over a client's files without copying any: all of them, or only what differs from what is here."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from plumbus.backup.description import WholeListing
from plumbus.backup.finishing import Listed
from plumbus.backup.joining import Differences, Joined, overview
from plumbus.backup.listing import OutputReader, Skim
from plumbus.backup.manifest import Entry, ManifestWriter, read_manifest
from plumbus.backup.plain import UnchangedLines
from plumbus.backup.plan import Plan, Planner, folders_above
from plumbus.backup.reporting import readable
from plumbus.backup.rsync_runs import RsyncRuns
from plumbus.backup.snapshots import Snapshot
from plumbus.backup.workspace import Workspace
from plumbus.transfer import rsync
from plumbus.transfer.items import Item, TransferProgress
from plumbus.transfer.sources import source_feed

NOT_KEPT = 'left out, for without root and extended attributes no device file can be kept'
LISTED_ANEW_S = 7 * 86400  # now and then every entry of a manifest is compared with the client again
SOME_LEFT_OUT = {23, 24, 25}  # rsync(1), EXIT VALUES: also where it then did not look for what is gone


@dataclass(kw_only=True, slots=True)
class Scanning:
    """One look, at a `moment` in seconds. `distrusted` files are fetched in any case."""

    options: rsync.Options
    runs: RsyncRuns
    workspace: Workspace
    moment: int
    distrusted: frozenset[bytes] = frozenset()

    def against(self, previous: Snapshot) -> tuple[Plan, Listed | Joined]:
        """Given the last snapshot, return what differs on the client, and all that is there now."""
        if (
            not self.distrusted
            and self.workspace.owners != 'none'
            and (whole := usable_listing(previous, self.moment))
        ):
            if found := self._differences(previous, whole):
                return found
            self.runs.reporter.say('what differs could not be told for sure, so all files are listed')
        return self.compared(previous.tree, read_manifest(previous.manifest))

    def compared(self, tree: Path, known: Iterator[Entry]) -> tuple[Plan, Listed]:
        """Given a tree of ours and what is known of it, return what differs on the client, and all that is there now."""
        with ManifestWriter(self.workspace.scanned) as writer:
            scanned = Listed(self.workspace.scanned, writer)
            planner = self._planner(known, scanned.add)
            planner.keep_files = scanned.add_files
            self.all(tree, planner.add, UnchangedLines(planner, self.options.seal).skim)
        return planner.finish(lambda: read_manifest(scanned.path)), scanned

    def all(
        self, against: Path, take: Callable[[Item], None], skim: Skim, options: rsync.Options | None = None
    ) -> None:
        """List everything, as it stands to the tree `against`."""
        self.runs.reporter.phase('scanning')
        seen = 0

        def show(_progress: TransferProgress | None, items: list[Item]) -> None:
            nonlocal seen
            seen += len(items)
            self.runs.reporter.found(seen + reader.skimmed, f'/{readable(items[-1].path)}' if items else None)

        reader = OutputReader(take, show, self.options.seal, skim)
        arguments = rsync.scan_arguments(options or self.options, *self._between(against))
        outcome = self.runs.run(arguments, reader, source_feed(self.runs.source_paths))
        self.runs.accept(outcome, 'scan')
        reader.check()
        self.runs.warn(f'/{readable(path)}: {NOT_KEPT}' for path in reader.skipped)
        self.runs.pulled.listed, self.runs.pulled.listed_since = reader.stats.get('files'), self.moment

    def _differences(self, previous: Snapshot, whole: WholeListing) -> tuple[Plan, Joined] | None:
        """The same, from what differs alone; None unless that is all, and fits together."""
        told = Differences(folders_above(self.runs.source_paths))
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix='overview') as helper:
            before = helper.submit(lambda: overview(read_manifest(previous.manifest)))
            listed = self._list_differences(previous.tree, told, whole)
        joined = Joined(lambda: read_manifest(previous.manifest), told, before.result())
        planner = self._planner(iter(()), lambda entry: joined.fresh.update({entry.path: entry}))
        if listed is None or told.linked or joined.plan(planner) != listed:
            return None
        self.runs.pulled.listed, self.runs.pulled.listed_since = listed, whole.since
        return planner.finish(joined.entries), joined

    def _list_differences(self, tree: Path, told: Differences, whole: WholeListing) -> int | None:
        """List what differs from a tree; return how many entries the client has by rsync's own count, None if some were left out."""
        self.runs.reporter.phase('scanning')

        def show(_progress: TransferProgress | None, _items: list[Item]) -> None:
            self.runs.reporter.looked(
                min(1.0, reader.folders / whole.folders), whole.files, f'/{readable(reader.folder)}'
            )

        reader = OutputReader(told.take, show, self.options.seal)
        arguments = rsync.differences_arguments(self.options, *self._between(tree))
        outcome = self.runs.run(arguments, reader, source_feed(self.runs.source_paths))
        if outcome.exit_code in SOME_LEFT_OUT:
            return None
        self.runs.accept(outcome, 'scan')
        reader.check()
        return None if reader.skipped else reader.stats.get('files')

    def _planner(self, known: Iterator[Entry], keep: Callable[[Entry], None]) -> Planner:
        return Planner(known, keep, self.distrusted, folders_above(self.runs.source_paths))

    def _between(self, tree: Path) -> tuple[str, str, list[bytes], Path]:
        session = self.runs.session
        return session.rsync_shell, session.alias, self.runs.source_paths, tree


def usable_listing(snapshot: Snapshot, moment: int) -> WholeListing | None:
    """Given a snapshot and the present in seconds, return what was listed for it, None if that is not all, or long ago."""
    told = snapshot.description().get('listing')
    with suppress(ValidationError):
        listing = WholeListing.model_validate(told)
        if moment - listing.since < LISTED_ANEW_S and listing.folders > 0:
            return listing
    return None
