"""The layout on disk: a folder a job, a folder a snapshot. A folder named by a time is always a whole snapshot."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from plumbus.backup.manifest import FILE_NAME
from plumbus.backup.tree import remove_tree
from plumbus.errors import NotFound, StoreError

TIME_FORMAT = '%Y-%m-%dT%H%M%SZ'
TIME_NAME = re.compile(r'\d{4}-\d\d-\d\dT\d{6}Z')
INCOMPLETE = '.incomplete'
DOOMED = '.deleting-'


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A finished snapshot; `path` is the folder named by its time."""

    path: Path

    @property
    def tree(self) -> Path:
        """The files, with their absolute paths below it."""
        return self.path / 'tree'

    @property
    def manifest(self) -> Path:
        """The list of what it holds."""
        return self.path / FILE_NAME

    def description(self) -> dict[str, Any]:
        """Return what backup.json says: the backup's record, its job and client. Raise StoreError if it cannot be read."""
        try:
            found: dict[str, Any] = orjson.loads((self.path / 'backup.json').read_bytes())
        except (OSError, ValueError) as error:
            raise StoreError(f'The description of the snapshot {self.path.name} cannot be read.') from error
        return found


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a run builds its snapshot; it becomes one by a rename."""

    path: Path

    @property
    def tree(self) -> Path:
        """The tree being built."""
        return self.path / 'tree'

    @property
    def manifest(self) -> Path:
        """The finished list of entries."""
        return self.path / FILE_NAME

    @property
    def temporary(self) -> Path:
        """Where rsync keeps files until they are whole."""
        return self.path / 'temporary'

    @property
    def scanned(self) -> Path:
        """The entries as the scan saw them."""
        return self.path / 'scanned.msgpack.zst'


class Snapshots:
    """All snapshots below `data_dir`/backups."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.root = data_dir / 'backups'

    def job_folder(self, client: tuple[int, str], job: tuple[int, str]) -> Path:
        """Given (id, name) of a client and of its job, return their folder. A later change of a name moves nothing."""
        return _named_folder(_named_folder(self.root, *client), *job)

    def of(self, folder: Path) -> list[Snapshot]:
        """Given a job's folder, return its snapshots, oldest first."""
        if not folder.is_dir():
            return []
        return [Snapshot(folder / name) for name in sorted(os.listdir(folder)) if TIME_NAME.fullmatch(name)]

    def newest(self, folder: Path) -> Snapshot | None:
        """Given a job's folder, return its newest snapshot that has a manifest."""
        return next((one for one in reversed(self.of(folder)) if one.manifest.exists()), None)

    def at(self, backup_path: str | None) -> Snapshot:
        """Given a record's `backup_path`, return its snapshot. Raise NotFound if it is no longer there."""
        path = self.data_dir / (backup_path or '')
        if not backup_path or not (path / 'tree').is_dir():
            raise NotFound('This backup has no snapshot on disk (any more).')
        return Snapshot(path)

    def begin(self, folder: Path) -> Workspace:
        """Given a job's folder, return an empty workspace in it. What an earlier run left there is removed."""
        workspace = Workspace(folder / INCOMPLETE)
        self._doom(workspace.path)
        workspace.tree.mkdir(parents=True)
        return workspace

    def free_time(self, folder: Path, start: datetime) -> datetime:
        """Given when a run started, return that second or the next one that no snapshot of the job has."""
        moment = start.astimezone(UTC).replace(microsecond=0)
        while (folder / moment.strftime(TIME_FORMAT)).exists():
            moment += timedelta(seconds=1)
        return moment

    def publish(self, workspace: Workspace, name: str, description: Mapping[str, Any]) -> Snapshot:
        """Given a finished, synced workspace, write its description and give it its name: from now on it is a snapshot."""
        description_file = workspace.path / 'backup.json'
        with description_file.open('wb') as file:
            file.write(orjson.dumps(description, option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(workspace.path)
        snapshot = Snapshot(workspace.path.parent / name)
        workspace.path.rename(snapshot.path)
        _sync_folder(snapshot.path.parent)
        return snapshot

    def delete(self, snapshot: Snapshot) -> None:
        """Given a snapshot, rename it away, so that it is gone at once as a snapshot, then remove its files."""
        self._doom(snapshot.path)

    def delete_job(self, folder: Path) -> None:
        """Given a job's folder, remove it with all its snapshots."""
        self._doom(folder)

    def relative(self, snapshot: Snapshot) -> str:
        """Given a snapshot, return its path relative to the data dir, as records keep it."""
        return str(snapshot.path.relative_to(self.data_dir))

    def everything(self) -> Iterator[Snapshot]:
        """Yield every snapshot below the data dir."""
        for folder in sorted(self.root.glob('*/*')):
            yield from self.of(folder)

    def _doom(self, path: Path) -> None:
        if not path.exists():
            return
        doomed = path.with_name(DOOMED + path.name.lstrip('.'))
        remove_tree(doomed)
        path.rename(doomed)
        remove_tree(doomed)


def slug(name: str) -> str:
    """Given a name, return a short form of it that is safe as a folder's name anywhere.

    >>> slug('Bob’s Pi / config')
    'bob-s-pi-config'
    """
    return re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')[:60] or 'unnamed'


def _named_folder(parent: Path, number: int, name: str) -> Path:
    if parent.is_dir():
        for known in sorted(os.listdir(parent)):
            if known.rpartition('-')[2] == str(number) and not known.startswith('.'):
                return parent / known
    return parent / f'{slug(name)}-{number}'


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
