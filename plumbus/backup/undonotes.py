"""What is known for undoing restores: a file each in the data folder, removed with the restore's record."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgpack

from plumbus.failures import failed

FORMAT = 1


class Touched(NamedTuple):
    """A path that a restore changes. `kept`: something lay there and is in the safety copy; else the restore made it."""

    path: bytes
    kept: bool
    folder: bool


@dataclass(kw_only=True, slots=True)
class UndoNote:
    """`copy` is the folder on the client with what is kept, None if nothing was; `times` those of folders, in nanoseconds."""

    copy: bytes | None
    times: Mapping[bytes, int]
    touched: Iterable[Touched] = field(default_factory=list)


class UndoNotes:
    """The notes below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, restore_id: int, note: UndoNote) -> None:
        """Given a restore and what to know of it, keep that. Raise OSError."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        new = self._path(restore_id).with_suffix('.new')
        pack = msgpack.Packer(use_bin_type=True).pack
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as file:
            file.write(pack({'format': FORMAT, 'copy': note.copy, 'times': dict(note.times)}))
            file.writelines(pack(touched) for touched in note.touched)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path(restore_id))

    def read(self, restore_id: int) -> UndoNote:
        """Given a restore, return its note; `touched` is read anew each time it is gone through. Raise TransferFailed."""
        try:
            header: dict[str, Any] = next(self._records(restore_id))
        except (OSError, StopIteration, ValueError, msgpack.UnpackException) as error:
            raise failed('undo_lost') from error
        if header.get('format') != FORMAT:
            raise failed('undo_lost')
        return UndoNote(copy=header['copy'], times=header['times'], touched=_Listed(self, restore_id))

    def delete(self, restore_id: int) -> None:
        """Given a restore, forget what is known. Raise OSError."""
        self._path(restore_id).unlink(missing_ok=True)

    def touched(self, restore_id: int) -> Iterator[Touched]:
        """Given a restore, yield what it changes."""
        records = self._records(restore_id)
        next(records)
        for path, kept, folder in records:
            yield Touched(path, kept, folder)

    def _records(self, restore_id: int) -> Iterator[Any]:
        with self._path(restore_id).open('rb') as file:
            yield from msgpack.Unpacker(file, strict_map_key=False, max_buffer_size=2**27)

    def _path(self, restore_id: int) -> Path:
        return self.folder / f'restore-{int(restore_id)}.msgpack'


@dataclass(frozen=True, slots=True)
class _Listed:
    notes: UndoNotes
    restore_id: int

    def __iter__(self) -> Iterator[Touched]:
        return self.notes.touched(self.restore_id)
