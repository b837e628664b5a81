"""What a snapshot holds, entry by entry, in one compact file beside its tree (zstd-compressed msgpack).

First a header (a map), then one array for each entry in the order in which rsync listed them, last a map that closes the
file: a manifest without it is not whole. Written and read as a stream: memory does not grow with the tree. One of some depth
rests on another one in the same folder: a number tells how many entries of that follow, a negative one how many are left out.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

import msgpack
import zstandard

from plumbus.errors import StoreError

FILE_NAME = 'manifest.msgpack.zst'
FORMAT = 1
FORMAT_OF_CHANGES = 2
BATCH = 512
LEVEL = 2  # of zstd: for checksums, and names in order, the next ones take longer and no less room


class Entry(NamedTuple):
    """One name in a snapshot. `mtime` in seconds UTC, `mode` the permission bits, `path` without a slash in front.

    `kind` is rsync's letter (f file, d folder, L link, D device, S special); `target` the aim of a symbolic link or the
    leader of a hard link; `linked` tells a further name of another entry; `stored`, while a run goes on, that it writes it;
    `checksum` the raw bytes of the whole file's checksum by `algorithm`, None where it was never transferred; `born` the time
    (seconds UTC) of the snapshot that first held this very inode, 0 where that is not known, and for folders.
    """

    path: bytes
    kind: str
    size: int
    mtime: int
    mode: int
    uid: int
    gid: int
    checksum: bytes | None = None
    algorithm: str | None = None
    stored: bool = False
    linked: bool = False
    target: bytes | None = None
    born: int = 0


def stamped(entry: Entry, *, stored: bool, born: int) -> Entry:
    """Given an entry, return it with these fields: as `_replace` does, in a fraction of the time."""
    return tuple.__new__(Entry, (*entry[:9], stored, entry[10], entry[11], born))


# What was written before the last fields came to be can still be read.
WHOLE = len(Entry._fields)
ENTRY_LENGTHS = range(WHOLE - len(Entry._field_defaults), WHOLE + 1)


class ManifestWriter:
    """Use it with `with`: only when the block ends well is the file closed by its last record."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._header: dict[str, int] = {'format': FORMAT}
        self._batch: list[Entry] = []
        self._pack = msgpack.Packer(use_bin_type=True).pack

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)  # it may be shared with a snapshot
        self._file: BinaryIO = self.path.open('xb')
        self._stream = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).stream_writer(
            self._file, closefd=False
        )
        self._write(self._header)
        return self

    def add(self, entry: Entry) -> None:
        """Given an entry, append it."""
        self._batch.append(entry)
        self.count += 1
        if len(self._batch) >= BATCH:
            self._flush()

    def add_all(self, entries: Sequence[Entry]) -> None:
        """Given entries, append them."""
        self._batch += entries
        self.count += len(entries)
        if len(self._batch) >= BATCH:
            self._flush()

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end()
            self._write({'entries': self.count})
        self._stream.close()  # type: ignore[no-untyped-call]
        self._file.close()

    def _flush(self) -> None:
        self._stream.write(b''.join(map(self._pack, self._batch)))
        self._batch.clear()

    def _end(self) -> None:
        self._flush()

    def _write(self, record: Any) -> None:
        self._stream.write(self._pack(record))


def read_manifest(path: Path) -> Iterator[Entry]:
    """Given a manifest file, yield its entries in their order. Raise StoreError if it is missing, damaged or cut off."""
    return chain.from_iterable(_batches(path, None))


def read_changes(path: Path) -> Iterator[tuple[Entry, bool]]:
    """Given a manifest that rests on another one, yield what of that it has not (False), and what it has besides (True).

    What changed comes both ways. Raise StoreError as above.
    """
    count, whole = 0, False
    below: _Below | None = None
    for record in _records(path):
        if isinstance(record, dict):
            whole = record.get('entries') == count
            below = below or _below(path, record, None)
        elif isinstance(record, tuple):
            yield Entry(*record), True
            count += 1
        elif below is not None:
            for taken in below.take(abs(record)):
                yield from ((entry, False) for entry in taken if record < 0)
            count += max(record, 0)
    if not whole:
        raise _cut_off(path)


def depth_of(path: Path) -> int:
    """Given a manifest file, return on how many others it rests. Raise StoreError if it cannot be read."""
    header = next(_records(path), None)
    depth = header.get('depth') if isinstance(header, dict) else None
    return depth if isinstance(depth, int) else 0


def part(path: Path, depth: int) -> Path:
    """Given a manifest file, return the one of a lesser depth on which it rests."""
    return path.with_name(f'manifest-{depth}.msgpack.zst')


def _batches(path: Path, expected: int | None) -> Iterator[list[Entry]]:
    """Many at once: one by one, each takes long on its way through files that rest on each other."""
    count, whole = 0, False
    below: _Below | None = None
    batch: list[Entry] = []
    new = tuple.__new__  # what a named tuple does by itself takes far longer, for each of very many
    try:
        for record in _records(path):  # to the very end of the file: a checksum over all of it stands there
            whole = False
            if isinstance(record, tuple) and len(record) in ENTRY_LENGTHS:
                batch.append(new(Entry, record) if len(record) == WHOLE else Entry(*record))
                count += 1
            elif isinstance(record, int) and below is not None:
                yield from below.follow(record, batch)
                count += max(record, 0)
            elif isinstance(record, dict):
                whole = record.get('entries') == count and (below is None or below.is_at_its_end())
                below = below if whole else _below(path, record, expected)
                if below is None:
                    break
            else:
                break
            if len(batch) >= BATCH:
                yield batch
                batch = []
        yield batch
    except StoreError:
        yield batch  # what could be read still
        raise
    if not whole:
        raise _cut_off(path)


def _below(path: Path, header: dict[str, Any], expected: int | None) -> '_Below | None':
    """What a manifest with this header rests on; None if the header is none, or that of another depth than it should be."""
    kind, depth = header.get('format'), header.get('depth', 0)
    if expected not in {None, depth}:
        return None
    if kind == FORMAT and depth == 0:
        return _Below(iter(()), path)
    if kind == FORMAT_OF_CHANGES and isinstance(depth, int) and depth > 0:
        return _Below(_batches(part(path, depth - 1), depth - 1), path)
    return None


class _Below:
    """What a manifest rests on, while it is read along."""

    def __init__(self, batches: Iterator[list[Entry]], path: Path) -> None:
        self._batches = batches
        self._path = path
        self._batch: list[Entry] = []
        self._taken = 0  # of that batch

    def follow(self, number: int, batch: list[Entry]) -> Iterator[list[Entry]]:
        """Given how many entries follow, or are left out if it is less than 0, yield full batches; `batch` begins the first and
        holds the rest at the end. Raise StoreError if there are not so many."""
        for taken in self.take(abs(number)):
            if number > 0:
                batch += taken
            if len(batch) >= BATCH:
                yield batch.copy()
                batch.clear()

    def take(self, wanted: int) -> Iterator[list[Entry]]:
        """Yield so many entries. Raise StoreError if there are not so many."""
        while wanted > 0:
            if self._taken == len(self._batch):
                self._batch, self._taken = next(self._batches, []), 0
                if not self._batch:
                    raise _cut_off(self._path)
            taken = self._batch[self._taken : self._taken + wanted]
            self._taken += len(taken)
            wanted -= len(taken)
            yield taken

    def is_at_its_end(self) -> bool:
        """Whether all was taken; reads to its end, where it says that it is whole."""
        return self._taken == len(self._batch) and not any(self._batches)


def _cut_off(path: Path) -> StoreError:
    return StoreError(
        f'The manifest {path.name} of a snapshot is cut off.', 'Verify this snapshot, or delete it.'
    )


def share_checksums(path: Path, writer: Callable[[Path], ManifestWriter], moment: int) -> None:
    """Given a finished manifest of a snapshot of that moment, write it anew with what is known of each leader on its further
    names as well.

    rsync tells a checksum once for each file, and the next scan may name another one of them first.
    """
    wanted = {_leader_of(entry, moment) for entry in read_manifest(path)} - {None}
    leaders = {entry.path: entry for entry in read_manifest(path) if entry.path in wanted}
    complete = path.with_suffix('.complete')
    with writer(complete) as manifest:
        for entry in read_manifest(path):
            leader = leaders.get(_leader_of(entry, moment) or b'')
            manifest.add(_like_its_leader(entry, leader) if leader else entry)
    complete.replace(path)


def _leader_of(entry: Entry, moment: int) -> bytes | None:
    # Of an unchanged further name of a symbolic link the aim is known already: that may be the path of another entry.
    return entry.target if entry.linked and (entry.kind != 'L' or entry.born == moment) else None


def _like_its_leader(entry: Entry, leader: Entry) -> Entry:
    target = leader.target if entry.kind == 'L' else entry.target
    return entry._replace(
        checksum=leader.checksum, algorithm=leader.algorithm, target=target, born=leader.born
    )


def _records(path: Path) -> Iterator[Any]:
    try:
        with path.open('rb') as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
            yield from msgpack.Unpacker(stream, raw=False, use_list=False, max_buffer_size=2**26)
    except (OSError, zstandard.ZstdError, ValueError, msgpack.UnpackException) as error:
        raise StoreError(
            f'The manifest {path.name} of a snapshot cannot be read ({type(error).__name__}).',
            'Verify this snapshot, or delete it.',
        ) from error
