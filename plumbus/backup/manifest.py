"""What a snapshot holds, entry by entry, in one compact file beside its tree (zstd-compressed msgpack).

First a header (a map), then one array for each entry in the order in which rsync listed them, last a map that closes the
file: a manifest without it is not whole. Written and read as a stream: memory does not grow with the tree.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

import msgpack
import zstandard

from plumbus.errors import StoreError

FILE_NAME = 'manifest.msgpack.zst'
FORMAT = 1
BATCH = 512
LEVEL = 2  # of zstd: for checksums, and names in order, the next ones take longer and no less room


class Entry(NamedTuple):
    """One name in a snapshot. `mtime` in seconds UTC, `mode` the permission bits, `path` without a slash in front.

    `kind` is rsync's letter (f file, d folder, L link, D device, S special); `target` the aim of a symbolic link or the
    leader of a hard link; `linked` tells a further name of another entry; `stored` that this very snapshot wrote it;
    `checksum` the raw bytes of the whole file's checksum by `algorithm`, None where it was never transferred; `born` the time
    (seconds UTC) of the snapshot that first held this very inode, 0 where that is not known.
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
        self._batch: list[Entry] = []
        self._pack = msgpack.Packer(use_bin_type=True).pack

    def __enter__(self) -> Self:
        self._file: BinaryIO = self.path.open('wb')
        self._stream = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).stream_writer(
            self._file, closefd=False
        )
        self._stream.write(self._pack({'format': FORMAT}))
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
            self._flush()
            self._stream.write(self._pack({'entries': self.count}))
        self._stream.close()  # type: ignore[no-untyped-call]
        self._file.close()

    def _flush(self) -> None:
        self._stream.write(b''.join(map(self._pack, self._batch)))
        self._batch.clear()


def read_manifest(path: Path) -> Iterator[Entry]:
    """Given a manifest file, yield its entries in their order. Raise StoreError if it is missing, damaged or cut off."""
    count, whole = 0, False
    new = tuple.__new__  # what a named tuple does by itself takes far longer, for each of very many
    for record in _records(path):  # to the very end of the file: a checksum over all of it stands there
        if isinstance(record, dict):
            whole = record.get('entries') == count
            if not whole and record.get('format') != FORMAT:
                break
        elif isinstance(record, tuple) and len(record) in ENTRY_LENGTHS:
            whole = False
            yield new(Entry, record) if len(record) == WHOLE else Entry(*record)
            count += 1
        else:
            whole = False
            break
    if whole:
        return
    raise StoreError(
        f'The manifest {path.name} of a snapshot is cut off.', 'Verify this snapshot, or delete it.'
    )


def share_checksums(path: Path) -> None:
    """Given a finished manifest, write it anew with what is known of each leader on its further names as well.

    rsync tells a checksum once for each file, and the next scan may name another one of them first.
    """
    wanted = {_leader_of(entry) for entry in read_manifest(path)} - {None}
    leaders = {entry.path: entry for entry in read_manifest(path) if entry.path in wanted}
    complete = path.with_suffix('.complete')
    with ManifestWriter(complete) as manifest:
        for entry in read_manifest(path):
            leader = leaders.get(_leader_of(entry) or b'')
            manifest.add(_like_its_leader(entry, leader) if leader else entry)
    complete.replace(path)


def _leader_of(entry: Entry) -> bytes | None:
    # Of an unchanged further name of a symbolic link the aim is known already: that may be the path of another entry.
    return entry.target if entry.linked and (entry.kind != 'L' or entry.stored) else None


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
