"""What a restore changes where it goes: planned by a dry run, compared with what lies there, counted."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import msgpack

from plumbus.backup.explore import moment
from plumbus.transfer.items import Item, Kind
from plumbus.transfer.lookup import Found
from plumbus.transfer.names import path_text

Action = Literal['create', 'overwrite', 'delete', 'attributes']
ACTIONS: tuple[Action, ...] = ('create', 'overwrite', 'delete', 'attributes')
# rsync(1), --itemize-changes: YXcstpoguax
LETTERS = {3: 'size', 4: 'modified', 5: 'mode', 6: 'owner', 7: 'group', 9: 'acl', 10: 'xattrs'}


class Planned(NamedTuple):
    """One change as rsync lists it: `path` is absolute where it happens, `mtime` in seconds UTC, `what` differs."""

    path: bytes
    action: Action
    kind: Kind
    size: int
    mtime: int
    what: tuple[str, ...] = ()


@dataclass(slots=True)
class Change:
    """A planned change and what it takes the place of, if anything."""

    planned: Planned
    old: Found | None = None

    @property
    def action(self) -> Action:
        """What happens: rsync says "new" too where something of another kind has to make way."""
        if self.planned.action == 'create' and self.old:
            return 'overwrite'
        return self.planned.action

    @property
    def bytes(self) -> int:
        """How much is to be written."""
        return (
            self.planned.size if self.planned.kind == 'file' and self.action in {'create', 'overwrite'} else 0
        )

    @property
    def old_bytes(self) -> int:
        """How much of what lay there goes."""
        replaced = self.old is not None and self.old.kind == 'file' and self.action in {'overwrite', 'delete'}
        return self.old.size if self.old and replaced else 0

    def shown(self) -> dict[str, Any]:
        """Return it as a record holds it."""
        planned, old = self.planned, self.old
        gone = self.action == 'delete'
        kind = old.kind if gone and old else planned.kind
        return {
            'path': path_text(planned.path),
            'action': self.action,
            'kind': kind,
            'size': None if gone or kind == 'folder' else planned.size,
            'modified': None if gone else moment(planned.mtime).isoformat(),
            'old_kind': old.kind if old else None,
            'old_size': old.size if old and old.kind != 'folder' else None,
            'old_modified': moment(old.mtime).isoformat() if old else None,
            'what': ['kind'] if old and old.kind != kind else list(planned.what),
        }


@dataclass(slots=True)
class Summary:
    """Counts changes: of each action how many, the bytes to be written and the bytes that lay there."""

    counts: dict[str, dict[str, int]] = field(
        default_factory=lambda: {action: {'count': 0, 'bytes': 0, 'old_bytes': 0} for action in ACTIONS}
    )

    def add(self, change: Change) -> None:
        """Given a change, count it."""
        counts = self.counts[change.action]
        counts['count'] += 1
        counts['bytes'] += change.bytes
        counts['old_bytes'] += change.old_bytes


class Plan:
    """The changes that a dry run listed, in its order, kept in a file without a name. Use it with `with`.

    `into` is where relative names begin. What lies below a folder that does not exist yet cannot take anything's place.
    """

    def __init__(self, into: bytes, folder: Path) -> None:
        self.into = into.rstrip(b'/')
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 -- closed by __exit__
        self._pack = msgpack.Packer(use_bin_type=True).pack
        self._new_folders: set[bytes] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._file.close()

    def take(self, item: Item) -> None:
        """Given an item of the dry run, keep it if it changes anything."""
        if item.is_unchanged:
            return
        planned = self.planned(item)
        if planned.action == 'create' and planned.kind == 'folder':
            self._new_folders.add(planned.path)
        self._file.write(self._pack(planned))

    def take_new(self, name: bytes, kind: Kind, size: int, mtime: int) -> None:
        """Given what a plain new file or folder is called and what it is, keep it."""
        path = self.into + b'/' + name
        if kind == 'folder':
            self._new_folders.add(path)
        self._file.write(self._pack((path, 'create', kind, size, mtime, ())))

    def planned(self, item: Item) -> Planned:
        """Given an item, return the change that it tells of."""
        return planned_change(item, self.into)

    def __iter__(self) -> Iterator[Planned]:
        self._file.seek(0)
        for path, action, kind, size, mtime, what in msgpack.Unpacker(self._file, max_buffer_size=2**26):
            yield Planned(path, action, kind, size, mtime, tuple(what))

    def in_the_way(self) -> Iterator[bytes]:
        """Yield the paths at which something may lie already."""
        for planned in self:
            if planned.path.rpartition(b'/')[0] not in self._new_folders:
                yield planned.path

    def existing_folder(self, path: bytes) -> bytes:
        """Given a path of the plan, return the nearest folder above it that need not be made first."""
        folder = path.rpartition(b'/')[0]
        while folder in self._new_folders:
            folder = folder.rpartition(b'/')[0]
        return folder or b'/'

    def changes(self, found: Mapping[bytes, Found]) -> Iterator[Change]:
        """Given what lies there, yield every change."""
        for planned in self:
            yield Change(planned, found.get(planned.path))


def planned_change(item: Item, into: bytes) -> Planned:
    """Given an item and the folder in which its name begins (without a slash at its end), return the change it tells of."""
    name = b'' if item.path in {b'.', b'./'} else b'/' + item.path
    path = into + name or b'/'
    if item.is_new:
        return Planned(path, 'create', item.kind, item.size, item.mtime)
    return Planned(path, action_of(item), item.kind, item.size, item.mtime, what_differs(item))


def action_of(item: Item) -> Action:
    """Given an item, return what happens."""
    if item.is_deleted:
        return 'delete'
    if item.is_new:
        return 'create'
    return 'attributes' if item.attributes_only else 'overwrite'


def what_differs(item: Item) -> tuple[str, ...]:
    """Given an item, return in which ways what lies there differs; nothing for what is new or goes."""
    if item.is_new or item.is_deleted:
        return ()
    content = () if item.attributes_only else ('target',) if item.is_link else ('content',)
    return (*content, *(name for place, name in LETTERS.items() if item.change[place : place + 1] != b'.'))
