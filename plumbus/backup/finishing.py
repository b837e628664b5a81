"""Ends an attempt: writes the manifest of what lies in the new tree, and counts what is in it."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plumbus.backup import resting
from plumbus.backup.checksums import DEFAULT_ALGORITHM, file_checksum
from plumbus.backup.description import WholeListing
from plumbus.backup.joining import Joined
from plumbus.backup.manifest import Entry, ManifestWriter, read_manifest, share_checksums
from plumbus.backup.shortcomings import KEEP_OWNERS, NO_OWNERS
from plumbus.backup.snapshots import Snapshot
from plumbus.backup.tally import Tally
from plumbus.backup.tree import Tree
from plumbus.backup.workspace import Workspace
from plumbus.model import Owners, Status


@dataclass(kw_only=True, slots=True)
class Pulled:
    """What an attempt brought, in bytes and files; `warnings` are sentences about single files.

    `origins`: bytes of the files of the tree by the time of the snapshot that stored them. `listed`: how many entries the client
    had, by rsync's count, and `listed_since` when (seconds) each of them was listed.
    """

    tally: Tally
    listed: int | None = None
    listed_since: int = 0
    transferred_bytes: int = 0
    disk_bytes: int = 0
    exit_code: int = 0
    partial: bool = False
    warnings: list[str] = field(default_factory=list)
    origins: Counter[int] = field(default_factory=Counter)

    @property
    def whole_listing(self) -> WholeListing | None:
        """What the tree has, None unless that is all that was listed, without hard links: rsync does not tell which of them broke."""
        files, folders = self.tally.files, self.tally.folders
        doubtful = self.partial or self.exit_code or self.tally.linked
        if files + folders != self.listed or doubtful:
            return None
        return WholeListing(files=files, folders=folders, since=self.listed_since)


@dataclass(slots=True)
class Listed:
    """A listing that is being written. `whole`: every file in it has its checksum, so that it can be a manifest as it is.

    `origins`: as in what was pulled, for entries that tell since when they are there.
    """

    path: Path
    writer: ManifestWriter
    whole: bool = True
    origins: Counter[int] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Given an entry, append it."""
        if entry.checksum is None and (entry.kind == 'f' or entry.linked):
            self.whole = False
        if entry.kind == 'f' and not entry.linked:
            self.origins[entry.born] += entry.size
        self.writer.add(entry)

    def add_files(self, entries: Sequence[Entry]) -> None:
        """Given entries of plain files, append them."""
        origins, whole = self.origins, self.whole
        for _, _, size, _, _, _, _, checksum, _, _, _, _, born in entries:
            origins[born] += size
            whole = whole and checksum is not None
        self.whole = whole
        self.writer.add_all(entries)

    def entries(self) -> Iterator[Entry]:
        """Yield all that was listed."""
        return read_manifest(self.path)


@dataclass(kw_only=True, slots=True)
class Finishing:
    """`previous` is the job's newest snapshot, None for its first run; `moment` the time that the new one is named by.

    `keep_going` is called again and again and may raise to stop. Without `checksums` those that rsync did not tell stay unknown.
    """

    pulled: Pulled
    workspace: Workspace
    previous: Snapshot | None
    moment: int
    keep_going: Callable[[], None]
    checksums: bool = True
    _linked: bool = False

    def write(self, listed: Iterable[Entry], outcome: Callable[[Entry], Entry | None]) -> None:
        """Given the entries that were listed and what became of each, write the manifest and count what is in it."""
        tally = self.pulled.tally = Tally()
        manifest_path, last = self.workspace.manifest, self.previous.manifest if self.previous else None
        writer = resting.writer_on(manifest_path, last)
        with writer(manifest_path) as manifest, self.workspace.open_tree() as tree:
            for known in listed:
                entry = outcome(known)
                if entry is not None:
                    tally.count(entry)
                    manifest.add(self._counted(self._with_checksum(tree, entry)))
        tally.new = tally.files
        if self._linked:
            share_checksums(manifest_path, writer, self.moment)
        resting.shorten(manifest_path)

    def take_over(self, listed: Listed, tally: Tally, *, as_before: bool = False) -> None:
        """Given a listing that tells all of the new tree as it is, and what was counted in it: it becomes the manifest.

        `as_before`: it says what the last manifest says, so that one becomes it.
        """
        self.pulled.tally = tally
        self.pulled.origins = listed.origins
        self.pulled.disk_bytes = listed.origins[self.moment]
        if as_before and self.previous and resting.take_over(self.previous.manifest, self.workspace.manifest):
            listed.path.unlink()
        else:
            listed.path.replace(self.workspace.manifest)

    def share(self, joined: Joined) -> bool:
        """Given that nothing differs from the previous snapshot, let its manifest be that of this one. Return False if it cannot be."""
        self.pulled.tally = joined.before.tally
        self.pulled.origins = joined.before.origins
        return self.previous is not None and resting.take_over(
            self.previous.manifest, self.workspace.manifest
        )

    def write_changes(self, joined: Joined, outcome: Callable[[Entry], Entry | None]) -> bool:
        """Given a listing made of the last one, of which all that is fresh came, write a manifest that rests on the last one.

        Return False if it has to be a whole one.
        """
        last = self.previous.manifest if self.previous and joined.before.settled else None
        depth = resting.ground(self.workspace.manifest, last) if last else 0
        if not depth:
            return False
        self.pulled.tally, self.pulled.origins = joined.remaining()
        with (
            resting.ChangesWriter(self.workspace.manifest, depth) as manifest,
            self.workspace.open_tree() as tree,
        ):
            for step in joined.steps:
                if isinstance(step, int):
                    manifest.take_step(step)
                elif known := joined.around.get(step):
                    self._write_folder(manifest, known, outcome)
                elif entry := outcome(joined.fresh[step]):
                    self.pulled.tally.count(entry)
                    manifest.add(self._counted(self._with_checksum(tree, entry)))
        resting.shorten(self.workspace.manifest)
        return True

    def _write_folder(
        self,
        manifest: resting.ChangesWriter,
        known: Entry,
        outcome: Callable[[Entry], Entry | None],
    ) -> None:
        """A folder that came along with something may have another time by now."""
        entry = outcome(known)
        entry = entry and self._counted(entry)
        if entry == known:
            manifest.take_step(1)
        else:
            manifest.take_step(-1)
            manifest.add_all([entry] if entry else [])

    def count_changes(self, planned: Tally, dropped: list[Entry]) -> None:
        """Given what the scan counted and which files are missing nevertheless, count what this snapshot changed."""
        tally = self.pulled.tally
        if self.previous is None:
            return
        tally.new, tally.changed, tally.deleted = planned.new, planned.changed, planned.deleted
        missing = {entry.path: entry for entry in dropped}
        for known in read_manifest(self.previous.manifest) if missing else ():
            entry = missing.get(known.path)
            if entry is not None and known.kind == entry.kind:
                tally.deleted += 1
                tally.changed -= entry.stored
                del missing[known.path]
        tally.new -= sum(entry.stored for entry in missing.values())

    def _with_checksum(self, tree: Tree, entry: Entry) -> Entry:
        """A file that an interrupted run had fetched was not transferred again, so its checksum is computed here."""
        if not self.checksums or entry.kind != 'f' or entry.linked or entry.checksum is not None:
            return entry
        try:
            descriptor = tree.open_file(entry.path)
        except PermissionError:  # without root its own mode may keep us out
            return entry
        try:
            checksum = file_checksum(descriptor, DEFAULT_ALGORITHM, self.keep_going)
        finally:
            os.close(descriptor)
        return entry._replace(checksum=checksum, algorithm=DEFAULT_ALGORITHM)

    def _counted(self, entry: Entry) -> Entry:
        """Count what becomes part of the manifest, and note since when its inode is there."""
        self._linked = self._linked or (entry.linked and entry.checksum is None)
        if entry.stored or self.previous is None:
            entry = entry._replace(born=self.moment, stored=False)
        if entry.kind == 'd' and entry.born:  # of a folder this says nothing, and folders are touched often
            entry = entry._replace(born=0)
        if entry.kind == 'f' and not entry.linked:
            self.pulled.origins[entry.born] += entry.size
            self.pulled.disk_bytes += entry.size if entry.born == self.moment else 0
        return entry


def success(pulled: Pulled, shrink_warning: str | None, owners: Owners = 'real') -> dict[str, Any]:
    """Given what was brought, what is suspicious about it if anything is, and how owners are kept, return its record's fields."""
    notes = [shrink_warning or '', f'{NO_OWNERS} {KEEP_OWNERS}' if owners == 'none' else '']
    unread = 'Some files could not be read; they are listed under warnings.' if pulled.partial else None
    return {
        'status': Status.WARNING if pulled.partial or shrink_warning else Status.COMPLETED,
        'size_bytes': pulled.tally.bytes,
        'file_count': pulled.tally.files,
        'new_files': pulled.tally.new,
        'changed_files': pulled.tally.changed,
        'deleted_files': pulled.tally.deleted,
        'transferred_bytes': pulled.transferred_bytes,
        'disk_bytes': pulled.disk_bytes,
        'warnings': [*filter(None, notes), *pulled.warnings],
        'owners': owners,
        'exit_code': pulled.exit_code,
        'suspicious': shrink_warning is not None,
        'error_message': ' '.join(filter(None, (shrink_warning, unread))) or None,
        'cause': 'shrunk' if shrink_warning else 'permission_denied' if pulled.partial else None,
    }
