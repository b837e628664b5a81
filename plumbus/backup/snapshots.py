"""The layout on disk: a folder a job, a folder a snapshot. A folder named by a time is always a whole snapshot."""

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import orjson

from plumbus.backup import subvolumes
from plumbus.backup.linking import make_ground
from plumbus.backup.manifest import FILE_NAME
from plumbus.backup.remains import hand_on_partial, rescue_half_received
from plumbus.backup.tree import Tree, remove_tree
from plumbus.backup.workspace import REMAINS, Workspace
from plumbus.errors import NotFound, StoreError
from plumbus.model import Owners

TIME_FORMAT = '%Y-%m-%dT%H%M%SZ'
TIME_NAME = re.compile(r'\d{4}-\d\d-\d\dT\d{6}Z')
INCOMPLETE = '.incomplete'
DOOMED = '.deleting-'
CORRECTION = timedelta(hours=1)  # by less, clocks are set back to correct them


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A finished snapshot; `path` is the folder named by its time."""

    path: Path

    @property
    def moment(self) -> datetime:
        """The time that its folder is named by, also after it was taken away."""
        match = TIME_NAME.search(self.path.name)
        return datetime.strptime(match[0] if match else '', TIME_FORMAT).replace(tzinfo=UTC)

    @property
    def tree(self) -> Path:
        """The files, with their absolute paths below it."""
        return self.path / 'tree'

    @property
    def manifest(self) -> Path:
        """The list of what it holds."""
        return self.path / FILE_NAME

    @property
    def owners(self) -> Owners:
        """How it keeps owners; snapshots that do not tell are of the time when they were always set as they are."""
        with suppress(StoreError, KeyError, TypeError):
            told = self.description()['backup'].get('owners')
            return told if told in get_args(Owners) else 'real'
        return 'real'

    def open_tree(self) -> Tree:
        """Return its tree for reading, with what lies there told as it was on the client."""
        return Tree(self.tree, fake_super=self.owners == 'fake-super')

    def description(self) -> dict[str, Any]:
        """Return what backup.json says: the backup's record, its job and client. Raise StoreError if it cannot be read."""
        try:
            found = orjson.loads((self.path / 'backup.json').read_bytes())
        except (OSError, ValueError) as error:
            raise StoreError(f'The description of the snapshot {self.path.name} cannot be read.') from error
        if not isinstance(found, dict) or not isinstance(found.get('backup'), dict):
            raise StoreError(f'The description of the snapshot {self.path.name} is none.')
        return found


class Snapshots:
    """All snapshots below `data_dir`/backups."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.root = data_dir / 'backups'
        self._noting = threading.Lock()

    def job_folder(self, client: tuple[int, str], job: tuple[int, str]) -> Path:
        """Given (id, name) of a client and of its job, return their folder. A later change of a name moves nothing."""
        return _named_folder(_named_folder(self.root, *client), *job)

    def of(self, folder: Path) -> list[Snapshot]:
        """Given a job's folder, return its snapshots, oldest first."""
        if not folder.is_dir():
            return []
        return [Snapshot(folder / name) for name in sorted(os.listdir(folder)) if TIME_NAME.fullmatch(name)]

    def newest(self, folder: Path, owners: Owners = 'real') -> Snapshot | None:
        """Given a job's folder, return its newest snapshot that has a manifest and keeps owners this way.

        Others are nothing to share files with: the same file lies there in another form.
        """
        whole = (one for one in reversed(self.of(folder)) if one.manifest.exists())
        return next((one for one in whole if one.owners == owners), None)

    def newest_trusted(self, folder: Path) -> dict[str, Any]:
        """Given a job's folder, return the record of its newest snapshot that is not suspicious; empty if there is none."""
        for snapshot in reversed(self.of(folder)):
            with suppress(StoreError):
                record: dict[str, Any] = snapshot.description()['backup']
                if not record.get('suspicious'):
                    return record
        return {}

    def at(self, backup_path: str | None) -> Snapshot:
        """Given a record's `backup_path`, return its snapshot. Raise NotFound if it is no longer there."""
        path = self.data_dir / (backup_path or '')
        if not backup_path or not (path / 'tree').is_dir():
            raise NotFound('This backup has no snapshot on disk (any more).')
        return Snapshot(path)

    def begin(self, folder: Path, owners: Owners = 'real', *, as_subvolume: bool = False) -> Workspace:
        """Given a job's folder, return a workspace in it. What an earlier run left there is kept for this one.

        As long as the job has no snapshot that keeps `owners` this way, nothing is shared with one, and the same
        workspace is continued. `as_subvolume`: the disk has them, and the tree becomes one.
        """
        newest = self.newest(folder, owners)
        workspace = Workspace(folder / INCOMPLETE, owners, base=newest.path if newest else None)
        subvolumes.reopen(workspace.tree)  # it may have been cut off right before its rename
        begun = f'{owners} {"shared" if newest else "alone"}\n'
        workspace.continued = (
            workspace.tree.is_dir() and begun.endswith(' alone\n') and workspace.told == begun
        )
        if not workspace.continued:
            self._set_aside(workspace)
            workspace.path.mkdir(parents=True)
            workspace.filled = make_ground(workspace.tree, newest.tree if newest else None, as_subvolume)
            workspace.begun.write_text(begun)
        workspace.lay_out(alone=newest is None)
        rescue_half_received(workspace.temporary, workspace.partial)
        remove_tree(workspace.temporary)
        workspace.temporary.mkdir()
        for remains in workspace.usable_remains:
            rescue_half_received(remains.temporary, workspace.partial)
            hand_on_partial(remains.partial, workspace.partial)
        return workspace

    def discard(self, workspace: Workspace) -> None:
        """Given a workspace in which nothing was fetched, remove it."""
        self.take_away(workspace.path)

    def use_up(self, workspace: Workspace) -> None:
        """Given a workspace that took over what earlier runs left, remove the rest of that."""
        for remains in workspace.remains:
            self.take_away(remains.path)

    def _set_aside(self, workspace: Workspace) -> None:
        if workspace.path.exists():
            taken = [int(known.path.name.removeprefix(REMAINS)) for known in workspace.remains]
            workspace.path.rename(workspace.path.with_name(f'{REMAINS}{max(taken, default=0) + 1}'))

    def free_time(self, folder: Path, start: datetime) -> datetime:
        """Given when a run started, return that second or the next one that no snapshot of the job has.

        It is later than those of all others, so that the newest is the one made last, unless the clock was set back by much.
        """
        moment = start.astimezone(UTC).replace(microsecond=0)
        newest = [one.moment for one in self.of(folder)[-1:]]
        if newest and moment <= newest[0] < moment + CORRECTION:
            moment = newest[0] + timedelta(seconds=1)
        while (folder / moment.strftime(TIME_FORMAT)).exists():
            moment += timedelta(seconds=1)
        return moment

    def publish(self, workspace: Workspace, name: str, description: Mapping[str, Any]) -> Snapshot:
        """Given a finished, synced workspace, write its description and give it its name: from now on it is a snapshot."""
        _write(workspace.path / 'backup.json', description)
        _sync_folder(workspace.path)
        subvolumes.close(workspace.tree)
        workspace.begun.unlink(missing_ok=True)
        snapshot = Snapshot(workspace.path.parent / name)
        workspace.path.rename(snapshot.path)
        _sync_folder(snapshot.path.parent)
        return snapshot

    def take_away(self, path: Path) -> Path | None:
        """Given a snapshot's, a job's or a run's folder, rename it: it is gone at once, and its files are removed later.

        Return how it is called now, None if it is not there.
        """
        doomed = path.with_name(DOOMED + path.name.lstrip('.'))
        number = 1
        while doomed.exists():
            number += 1
            doomed = path.with_name(f'{DOOMED}{path.name.lstrip(".")}-{number}')
        try:
            path.rename(doomed)
        except FileNotFoundError:
            return None
        _sync_folder(path.parent)
        return doomed

    def taken_away(self) -> list[Path]:
        """Return what was renamed by `take_away` and is still to be removed. Raise OSError if clients cannot be listed."""
        found = []
        for client in self.client_folders():
            for folder in (client, *subfolders(client)):
                with suppress(OSError):  # taken away itself meanwhile, or closed: another time
                    found += _doomed_in(folder)
        return found

    def owns(self, snapshot: Snapshot) -> bool:
        """Whether PLUMBUS made it: what lies elsewhere or has another name is somebody else's, and never removed."""
        path = snapshot.path
        return bool(TIME_NAME.fullmatch(path.name)) and path.parent.parent.parent == self.root

    def relative(self, snapshot: Snapshot) -> str:
        """Given a snapshot, return its path relative to the data dir, as records keep it."""
        return str(snapshot.path.relative_to(self.data_dir))

    def folders(self) -> Iterator[Path]:
        """Yield the folder of every job. Raise OSError if one above them cannot be read."""
        for client in self.client_folders():
            yield from subfolders(client)

    def client_folders(self) -> list[Path]:
        """Return the folder of every client. Raise OSError if the one above them cannot be read."""
        return subfolders(self.root) if self.root.is_dir() else []

    def everything(self) -> Iterator[Snapshot]:
        """Yield every snapshot below the data dir. Raise OSError if a folder cannot be read."""
        for folder in self.folders():
            yield from self.of(folder)

    def note(self, snapshot: Snapshot, changes: Mapping[str, Any]) -> None:
        """Given what changed about a backup since it was made, note it beside its snapshot, where a rescan reads it.

        Raise StoreError if its description cannot be read, OSError if it cannot be written.
        """
        with self._noting:
            description = snapshot.description()
            description['backup'] |= changes
            _write(snapshot.path / 'backup.json.new', description)
            (snapshot.path / 'backup.json.new').replace(snapshot.path / 'backup.json')
            _sync_folder(snapshot.path)


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


def subfolders(parent: Path) -> list[Path]:
    """Given a folder, return the folders in it but hidden ones, by name. Raise OSError if it cannot be read."""
    names = sorted(name for name in os.listdir(parent) if not name.startswith('.'))
    return [parent / name for name in names if (parent / name).is_dir()]


def _doomed_in(folder: Path) -> list[Path]:
    return [folder / name for name in sorted(os.listdir(folder)) if name.startswith(DOOMED)]


def _write(path: Path, description: Mapping[str, Any]) -> None:
    with path.open('wb') as file:
        file.write(orjson.dumps(description, option=orjson.OPT_INDENT_2))
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
