"""The files of a folder and their journal: all changes of a transaction go into one line of it, whatever files they are of."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from plumbus.errors import StoreError
from plumbus.store.journal import Journal
from plumbus.store.reading import Signature
from plumbus.store.storage import Columns, JournalledStorage, Migration
from plumbus.store.write_times import WriteTimes

JOURNAL = 'journal.jsonl'
# Spread out for people; history grows too long for that.
SPREAD = frozenset({'config'})
UNLOCKED = nullcontext()


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """What a file is to hold: all tables at one moment, with the last change known then."""

    storage: JournalledStorage
    signature: Signature
    tables: Mapping[str, Mapping[int, bytes]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compaction:
    """Snapshots of those files that lack something, and where the journal stood."""

    snapshots: Sequence[Snapshot]
    newest: int
    end: int
    journal: int


class Files:
    """Given the migrations of each file, keeps them. Not thread-safe; writing needs the lock between processes, too.

    Each change is written at once, or when `commit` is called if `deferred` is set.
    """

    def __init__(
        self, folder: Path, migrations: Mapping[str, Sequence[Migration]], columns: Columns | None = None
    ) -> None:
        self.deferred = False
        self.write_times = WriteTimes()
        self.journal = Journal(folder / JOURNAL)
        self.storages = {
            name: JournalledStorage(
                folder / f'{name}.json', self.journal, self, steps, columns, spread=name in SPREAD
            )
            for name, steps in migrations.items()
        }

    @property
    def writes(self) -> int:
        """How often something was changed."""
        return sum(storage.writes for storage in self.storages.values())

    def changed(self) -> None:
        """Something is pending: write it, unless that is to wait."""
        if not self.deferred:
            try:
                self.commit()
            except BaseException:
                self.undo()
                raise

    def commit(self, lock: AbstractContextManager[object] = UNLOCKED) -> None:
        """Write what is pending, all or nothing. Raise StoreError if it cannot be kept.

        `lock` is held while memory is looked at, and not while the disk is written to: readers must not wait for that.
        """
        with lock:
            pending = [storage for storage in self.storages.values() if storage.pending]
            if not pending:
                return
            end, place = pending[0].state.end, pending[0].state.journal[0]
            newest = 1 + max(storage.state.newest for storage in pending)
            told = {storage.name: storage.changes() for storage in pending}
        with self.write_times.measured():
            longer = self.journal.append(end, {'seq': newest, **told})
        with lock:
            for storage in self._loaded():
                if (storage.state.journal[0], storage.state.end) == (place, end):
                    storage.state.journal, storage.state.end = (place, longer), longer
                    storage.state.newest = newest
            for storage in pending:
                storage.keep()

    def undo(self) -> None:
        """Take back what is pending."""
        for storage in self.storages.values():
            storage.forget()

    def settle(self, storage: JournalledStorage) -> None:
        """Before the first change of a file that the journal does not go on from: write the file, if it must be, and begin
        the journal anew. Raise StoreError if that cannot be done."""
        state = storage.state
        if storage.needs_file:
            storage.publish(*storage.prepare(storage.copy(), state.newest), state.newest)
        self._begin(next((line.end for line in self.journal.lines()), 0))

    def size(self) -> int:
        """Return how many bytes the files take, without the journal."""
        return sum(storage.reader.signature()[-1] for storage in self._loaded() if storage.state.schema)

    def snapshot(self) -> Compaction | None:
        """Return what it takes to empty the journal; None if the files lack nothing that it tells."""
        lacking = [storage for storage in self._current() if storage.state.told]
        if not lacking:
            return None
        return Compaction(
            snapshots=[
                Snapshot(storage=storage, signature=storage.state.signature, tables=storage.copy())
                for storage in lacking
            ],
            newest=max(storage.state.newest for storage in lacking),
            end=lacking[0].state.end,
            journal=lacking[0].state.journal[0],
        )

    def publish(self, compaction: Compaction, prepared: Sequence[tuple[Path, Signature]]) -> bool:
        """Given a compaction and its files, written beside, put them in place and shorten the journal.

        Return False, with nothing changed, if something was replaced meanwhile. Raise StoreError if it cannot be done.
        """
        current = self._current()
        untouched = all(
            each.storage in current and each.storage.state.signature == each.signature
            for each in compaction.snapshots
        )
        if not untouched or self.journal.signature()[0] != compaction.journal:
            return False
        for each, (beside, signature) in zip(compaction.snapshots, prepared, strict=True):
            each.storage.publish(beside, signature, compaction.newest)
        self._begin(compaction.end)
        return True

    def _begin(self, since: int) -> None:
        """Begin the journal anew, with the lines from there on."""
        current = self._current()
        after: dict[str, int] = next((line.content.get('after', {}) for line in self.journal.lines()), {})
        after |= {storage.name: storage.state.applied for storage in current if not storage.needs_file}
        signature = self.journal.begin(after, since, max(storage.state.end for storage in current))
        for storage in current:
            storage.state.journal, storage.state.end = signature, signature[1]
            storage.state.continued = not storage.needs_file

    def _current(self) -> list[JournalledStorage]:
        """Return those that can be read, as they are on disk; a damaged one must not keep others from being changed."""
        for storage in self.storages.values():
            with suppress(StoreError):
                storage.current()
        return self._loaded()

    def _loaded(self) -> list[JournalledStorage]:
        return [storage for storage in self.storages.values() if storage.loaded]
